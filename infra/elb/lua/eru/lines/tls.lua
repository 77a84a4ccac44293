-- What the lines of TLS may hold: `c:` certificates with their keys, `t:` how a host is served, `a:` ACME tokens. A reason
-- for a refusal never shows a value: it could be a key.
local cjson = require("cjson.safe")
local ffi = require("ffi")
local ssl = require("ngx.ssl")

ffi.cdef([[
void *OPENSSL_sk_value(const void *stack, int index);
int X509_check_private_key(const void *certificate, const void *key);
void ERR_clear_error(void);
]])

local function is_text(value, pattern, length_max)
  return type(value) == "string" and #value >= 1 and #value <= length_max and value:find(pattern) ~= nil
end

local function is_host(value)
  return is_text(value, "^[%l%d*][%l%d.-]*$", 253) and not value:find("*", 2, true)
end

-- Complains about keys that are unknown or missing; `fields` tells by name whether a value will do.
local function complain_object(value, where, fields)
  if type(value) ~= "table" then
    return where .. " is not an object"
  end
  for name in pairs(value) do
    if not fields[name] then
      return where .. " has the unknown key " .. cjson.encode(tostring(name))
    end
  end
  for name, will_do in pairs(fields) do
    if not will_do(value[name]) then
      return where .. "." .. name .. " is missing or not as it must be"
    end
  end
end

local certificate_fields = {
  name = function(value)
    return is_text(value, "^[%l%d*][%l%d.*-]*$", 253)
  end,
  cert = function(value)
    return is_text(value, "^%-%-%-%-%-BEGIN CERTIFICATE", 65536)
  end,
  sealed = function(value)
    return is_text(value, "^eru1%.", 32768)
  end,
  key = function(value)
    return is_text(value, "^%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY", 32768)
  end,
}

-- The parsed pair, or nil and why the engine cannot use it.
local function pair_of(value)
  local cert = ssl.parse_pem_cert(value.cert)
  ffi.C.ERR_clear_error()
  if not cert then
    return nil, "certificate.cert is not a chain in PEM"
  end
  local key = ssl.parse_pem_priv_key(value.key)
  ffi.C.ERR_clear_error()
  if not key then
    return nil, "certificate.key is not a private key in PEM"
  end
  local fits = ffi.C.X509_check_private_key(ffi.C.OPENSSL_sk_value(cert, 0), key)
  ffi.C.ERR_clear_error()
  if fits ~= 1 then
    return nil, "certificate.key is not the key of certificate.cert"
  end
  return { cert = cert, key = key }
end

local certificate = {
  bytes_max = 128 * 1024,
  key = function(value)
    return value ~= "*" and is_host(value)
  end,
  complain = function(value)
    local complaint = complain_object(value, "certificate", certificate_fields)
    if complaint then
      return complaint
    end
    local pair, reason = pair_of(value)
    return not pair and reason or nil
  end,
}

local policy = {
  bytes_max = 1024,
  key = is_host,
  complain = function(value)
    return complain_object(value, "policy", {
      min = function(min)
        return min == "1.2" or min == "1.3"
      end,
    })
  end,
}

local challenge = {
  bytes_max = 2048,
  key = function(value)
    return is_text(value, "^[%w_-]+$", 256)
  end,
  complain = function(value)
    return complain_object(value, "challenge", {
      answer = function(answer)
        return is_text(answer, "^[%w_.-]+$", 512)
      end,
    })
  end,
}

local _M = {}

--- By kind of key.
_M.kinds = { c = certificate, t = policy, a = challenge }

--- The certificate and key of a value of the table, ready for a handshake; nil when the engine cannot use them.
function _M.pair(json)
  return pair_of(cjson.decode(json))
end

-- router-sync appends the key to what the log says of a certificate, so that it can be taken away again as text.
local key_pattern = '^(.*),"key":"[^"]*"}$'

--- A value as it may be told: without its private key.
function _M.public(key, json)
  if key:sub(1, 2) ~= "c:" then
    return json
  end
  local rest = json:match(key_pattern)
  return rest and rest .. "}" or '{"withheld":true}'
end

--- A line of a boot file with its private key put back; `keys` has them by their sealed form. nil for a certificate whose
--- key is not among them.
function _M.with_key(line, keys)
  if line:sub(1, 4) ~= "+\tc:" then
    return line
  end
  local head, sealed = line:match('^(%+\tc:[^\t]+\t{.*"sealed":"([^"]+)")}$')
  local key = sealed and keys[sealed]
  return key and head .. ',"key":' .. cjson.encode(key) .. "}"
end

return _M
