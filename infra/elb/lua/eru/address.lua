-- Internet addresses as bytes, and blocks of them.
local bit = require("bit")

local _M = {}

local function parse_v4(text)
  local bytes = { text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$") }
  for index = 1, 4 do
    local byte = tonumber(bytes[index])
    if not byte or byte > 255 or (byte > 0 or #bytes[index] > 1) and bytes[index]:sub(1, 1) == "0" then
      return nil
    end
    bytes[index] = byte
  end
  return bytes
end

-- Groups between colons as bytes; the last may be an IPv4 address.
local function groups(text, out)
  if text == "" then
    return out
  end
  for part in (text .. ":"):gmatch("([^:]*):") do
    local v4 = part:find(".", 1, true) and parse_v4(part)
    if v4 then
      for _, byte in ipairs(v4) do
        out[#out + 1] = byte
      end
    elseif part:find("^%x%x?%x?%x?$") then
      local number = tonumber(part, 16)
      out[#out + 1], out[#out + 2] = bit.rshift(number, 8), bit.band(number, 255)
    else
      return nil
    end
  end
  return out
end

local function parse_v6(text)
  if #text > 45 or text:find("[^%x:.]") or not text:find(":", 1, true) or text:find("%..*:") then
    return nil
  end
  local head, tail = text:match("^(.-)::(.*)$")
  if not head then
    local bytes = groups(text, {})
    return bytes and #bytes == 16 and bytes or nil
  end
  if tail:find("::", 1, true) then
    return nil
  end
  local bytes, after = groups(head, {}), groups(tail, {})
  if not bytes or not after or #bytes + #after > 14 then
    return nil
  end
  for _ = 1, 16 - #bytes - #after do
    bytes[#bytes + 1] = 0
  end
  for _, byte in ipairs(after) do
    bytes[#bytes + 1] = byte
  end
  return bytes
end

--- The bytes of an address in text: 4 or 16; nil when it is none.
function _M.parse(text)
  return type(text) == "string" and (parse_v4(text) or parse_v6(text)) or nil
end

--- A block from an address or CIDR text: {bytes, bits}; nil when it is none.
function _M.parse_block(text)
  if type(text) ~= "string" then
    return nil
  end
  local base, bits = text:match("^([^/]+)/(%d%d?%d?)$")
  local bytes = _M.parse(base or text)
  bits = tonumber(bits) or bytes and #bytes * 8
  return bytes and bits <= #bytes * 8 and { bytes = bytes, bits = bits } or nil
end

--- Whether an address (as bytes) lies in a block.
function _M.within(bytes, block)
  local wanted = block.bytes
  if #bytes ~= #wanted then
    return false
  end
  local whole = math.floor(block.bits / 8)
  for index = 1, whole do
    if bytes[index] ~= wanted[index] then
      return false
    end
  end
  local rest = block.bits - whole * 8
  return rest == 0 or bit.rshift(bit.bxor(bytes[whole + 1], wanted[whole + 1]), 8 - rest) == 0
end

return _M
