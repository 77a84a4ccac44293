-- Values of the table as the structures requests are routed with.
local cjson = require("cjson")

local _M = {}

--- A host: its rules in order of precedence and an index from prefix to the first rule that has it.
function _M.host(json)
  local host = { rules = {}, by_prefix = {}, longest = 0 }
  for position, rule in ipairs(cjson.decode(json).rules) do
    local prefix = rule.when[1].path.prefix
    host.rules[position] = { id = rule.id, prefix = prefix, pool = rule.forward.backends[1].pool }
    host.by_prefix[prefix] = host.by_prefix[prefix] or position
    host.longest = math.max(host.longest, #prefix)
  end
  return host
end

--- A pool: all its endpoints, and the active ones with what choosing between them needs.
function _M.pool(json, name)
  local value = cjson.decode(json)
  local pool = { endpoints = value.eps, active = {}, warm_at_s = 0 }
  pool.slow_start_s = (value.slowStartMs or 0) > 0 and value.slowStartMs / 1000 or nil
  for _, endpoint in ipairs(pool.endpoints) do
    endpoint.pool = name
    endpoint.host = endpoint.ip:find(":", 1, true) and "[" .. endpoint.ip .. "]" or endpoint.ip
    endpoint.key = endpoint.id .. "@" .. endpoint.host .. ":" .. endpoint.port
    endpoint.seed = ngx.crc32_long(endpoint.id)
    if pool.slow_start_s and endpoint.since then
      pool.warm_at_s = math.max(pool.warm_at_s, endpoint.since + pool.slow_start_s)
    end
    -- A random start: else every worker would send its first requests after each change to the same endpoint.
    endpoint.current = math.random() * endpoint.w
    if endpoint.s == "a" then
      pool.active[#pool.active + 1] = endpoint
    end
  end
  return pool
end

--- How requests are forwarded.
function _M.forward(json)
  return cjson.decode(json)
end

return _M
