-- From a request to a rule.
local conditions = require("eru.conditions")
local view = require("eru.view")

local _M = {}

local slash = ("/"):byte()
local failing = conditions.failing

-- Lists of entries that a path leads to, of the request that is being matched now; matching never waits.
local lists, heads = {}, {}

local function gather_prefixes(host, path, count)
  local by_prefix = host.by_prefix
  local whole = by_prefix[path]
  if whole then
    count = count + 1
    lists[count] = whole
  end
  -- Only borders can end a prefix, so the cost is the path's segments, not the number of rules.
  local length = #path
  for at = math.min(length, host.longest + 1), 1, -1 do
    if path:byte(at) == slash then
      local with = at < length and by_prefix[path:sub(1, at)]
      if with then
        count = count + 1
        lists[count] = with
      end
      local without = at > 1 and by_prefix[path:sub(1, at - 1)]
      if without then
        count = count + 1
        lists[count] = without
      end
    end
  end
  return count
end

local function gather(host, path)
  local count = gather_prefixes(host, path, 0)
  local exact = host.exact[path]
  if exact then
    count = count + 1
    lists[count] = exact
  end
  for index = 1, #host.raw_lengths do
    local length = host.raw_lengths[index]
    local raw = host.raw[length][path:sub(1, length)]
    if raw then
      count = count + 1
      lists[count] = raw
    end
  end
  if #host.rest > 0 then
    count = count + 1
    lists[count] = host.rest
  end
  return count
end

-- Entries of all lists in order of precedence, each list being in that order.
local function next_entry(count)
  local best
  for index = 1, count do
    local entry = lists[index][heads[index]]
    if entry and (not best or entry.position < lists[best][heads[best]].position) then
      best = index
    end
  end
  if not best then
    return nil
  end
  local entry = lists[best][heads[best]]
  heads[best] = heads[best] + 1
  return entry
end

local function first_after(list, at, request)
  for index = at, #list do
    local entry = list[index]
    if not failing(entry.checks, request) then
      return entry.rule
    end
  end
end

-- LuaJIT compiles no phase of a request from its beginning on that comes upon a loop, so what is usual is written out.
local function first_of(list, request)
  local entry = list[1]
  if not entry or entry.test(request) then
    return entry and entry.rule
  end
  entry = list[2]
  if not entry or entry.test(request) then
    return entry and entry.rule
  end
  entry = list[3]
  if not entry or entry.test(request) then
    return entry and entry.rule
  end
  return first_after(list, 4, request)
end

--- The first rule that a request meets; nil when there is none.
function _M.rule(host, request)
  if host.only_rest then
    return first_of(host.rest, request)
  end
  local count = gather(host, request.path)
  if count == 1 then
    return first_of(lists[1], request)
  end
  for index = 1, count do
    heads[index] = 1
  end
  local entry = next_entry(count)
  while entry and failing(entry.checks, request) do
    entry = next_entry(count)
  end
  return entry and entry.rule
end

--- All entries a path leads to, in order of precedence.
function _M.candidates(host, path)
  local count, out = gather(host, path), {}
  for index = 1, count do
    heads[index] = 1
  end
  for entry in next_entry, count do
    out[#out + 1] = entry
  end
  return out
end

--- The host in the table that a name belongs to: itself, else the nearest wildcard above, else the default.
function _M.host(name)
  local host = view.host(name)
  if host then
    return host, name
  end
  local at = name:find(".", 1, true)
  while at do
    local wildcard = "*" .. name:sub(at)
    host = view.host(wildcard)
    if host then
      return host, wildcard
    end
    at = name:find(".", at + 1, true)
  end
  return view.host("*"), "*"
end

return _M
