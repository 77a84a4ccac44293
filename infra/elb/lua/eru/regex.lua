-- Regular expressions of rules as PCRE searches for them.
local _M = {}

-- From `at`, which is behind the opening bracket, to behind the closing one.
local function class_end(pattern, at)
  at = pattern:match("^%^?%]?()", at)
  while at <= #pattern do
    local char = pattern:sub(at, at)
    if char == "]" then
      return at + 1
    end
    local posix = pattern:match("^%[:%^?%a+:%]()", at)
    at = posix or at + (char == "\\" and 2 or 1)
  end
  return at
end

--- A pattern in which `$` is the very end: PCRE also lets it stand before a line end that is the last byte.
function _M.strict(pattern)
  local out, at = {}, 1
  while at <= #pattern do
    local char, from = pattern:sub(at, at), at
    if char == "\\" then
      at = at + 2
    elseif char == "[" then
      at = class_end(pattern, at + 1)
    else
      at = at + 1
    end
    out[#out + 1] = char == "$" and "\\z" or pattern:sub(from, at - 1)
  end
  return table.concat(out)
end

return _M
