-- How paths and headers change on their way to an endpoint and back, and what redirects are made of.
local conditions = require("eru.conditions")
local regexes = require("eru.regex")

local _M = {}

local re_find, re_match = ngx.re.find, ngx.re.match

local function escaped(byte)
  return string.format("%%%02X", byte:byte())
end

--- Percent-encodes what must not stand in a path.
function _M.escape(text)
  return (text:gsub("[^%w%-._~!$&'()*+,;=:@/]", escaped))
end

-- `$1` to `$9` from the groups of a match; one that took no part is empty.
local function fill(template, groups)
  return (template:gsub("%$(%d)", function(number)
    return groups[tonumber(number)] or ""
  end))
end

local function without_prefix(path, prefix)
  if not conditions.covers(prefix, path) then
    return path
  end
  return path:sub(#prefix + 1)
end

local function rooted(path)
  return path:byte(1) == 47 and path or "/" .. path
end

--- A rewrite as a function of the normalised path; nil when it leaves paths alone.
function _M.compile(rewrite)
  local strip, regex, prefix = rewrite.stripPrefix, rewrite.regex, rewrite.addPrefix
  if not strip and not regex and not prefix then
    return nil
  end
  prefix = prefix and prefix:gsub("/+$", "") or ""
  local pattern = regex and regexes.strict(regex.pattern)
  return function(path)
    if strip then
      path = rooted(without_prefix(path, strip))
    end
    local from, to
    if regex then
      from, to = re_find(path, pattern, "jo")
    end
    if from then
      local groups = re_match(path, pattern, "jo")
      path = rooted(path:sub(1, from - 1) .. fill(regex.replacement, groups) .. path:sub(to + 1))
    end
    return prefix .. path
  end
end

-- Groups of the first path regex of the rule that matches.
local function groups_of(rule, path)
  for _, match in ipairs(rule.when or {}) do
    local wanted = match.path
    if wanted and wanted.regex then
      wanted.strict = wanted.strict or regexes.strict(wanted.regex)
    end
    local groups = wanted and wanted.strict and re_match(path, wanted.strict, "jo")
    if groups then
      return groups
    end
  end
  return {}
end

--- Where a redirect leads: `$host`, `$path`, `$query` and `$1` to `$9` filled in.
function _M.location(rule, request, query)
  local groups
  return (rule.redirect.location:gsub("%$(%w+)", function(word)
    local known = word:match("^host") or word:match("^path") or word:match("^query")
    if known then
      local value = known == "host" and request.host
        or known == "path" and _M.escape(request.path)
        or query ~= nil and query ~= "" and "?" .. query
        or ""
      return value .. word:sub(#known + 1)
    elseif word:find("^[1-9]") then
      groups = groups or groups_of(rule, request.path)
      local group = groups[tonumber(word:sub(1, 1))]
      return (group and _M.escape(group) or "") .. word:sub(2)
    end
  end))
end

local function appended(before, value)
  if type(before) == "table" then
    before[#before + 1] = value
    return before
  end
  return before and { before, value } or value
end

--- Changes the headers of the request under way.
function _M.change_request(changes)
  for _, name in ipairs(changes.remove or {}) do
    ngx.req.clear_header(name)
  end
  for name, value in pairs(changes.set or {}) do
    ngx.req.set_header(name, value)
  end
  if changes.add then
    local before = ngx.req.get_headers(0)
    for name, value in pairs(changes.add) do
      ngx.req.set_header(name, appended(before[name], value))
    end
  end
end

--- Changes the headers of the answer under way.
function _M.change_response(changes)
  for _, name in ipairs(changes.remove or {}) do
    ngx.header[name] = nil
  end
  for name, value in pairs(changes.set or {}) do
    ngx.header[name] = value
  end
  for name, value in pairs(changes.add or {}) do
    ngx.header[name] = appended(ngx.header[name], value)
  end
end

return _M
