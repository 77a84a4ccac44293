-- Forward actions as requests are routed with them.
local conditions = require("eru.conditions")
local rewriting = require("eru.rewriting")

local _M = {}

local GiB = 1024 ^ 3
local body_bytes_default = GiB

-- Bodies whose length is not known ahead are bounded by nginx, by locations: services/router-sync/src/nginx-locations.ts.
local body_classes = { { 2 ^ 20, "1m" }, { 2 ^ 24, "16m" }, { 2 ^ 28, "256m" }, { GiB, "1g" } }

-- nginx decides by its configuration which answers are tried again, so there is a location for each set of them.
local function http_place(retry)
  local on = {}
  for _, kind in ipairs(retry and (retry.on or { "connect" }) or {}) do
    on[kind] = true
  end
  local place = "@http"
  for _, status in ipairs({ "502", "503", "504" }) do
    place = place .. (on[status] and "_" .. status or "")
  end
  return place .. (retry and retry.nonIdempotent and "_any" or ""), retry and on
end

local function seconds(ms)
  return ms and ms / 1000
end

local function backends_of(forward)
  local backends, total = {}, 0
  for _, backend in ipairs(forward.backends) do
    if backend.weight > 0 then
      backends[#backends + 1] = backend
      total = total + backend.weight
    end
  end
  return backends, total
end

local function sticky_of(sticky)
  return sticky
    and {
      cookie = sticky.cookie,
      ttl = sticky.ttlSeconds or 3600,
      keep = sticky.onDrain == "keep",
    }
end

local function limits_of(limits)
  local rate = limits and limits.rate
  return rate and { perSecond = rate.perSecond, burst = rate.burst or 0, key = rate.key and conditions.hash_key(rate.key) },
    limits and limits.inFlightPerEndpoint
end

-- Where nginx goes on, when the location all requests begin in will not do.
local function place_of(compiled, declared)
  local place, on = http_place(declared.retry)
  local verified = declared.endpointTls and declared.endpointTls.verify and "_verified" or ""
  compiled.http_place, compiled.retry_on = place .. verified, on
  if compiled.grpc then
    compiled.place = "@grpc" .. verified .. "_"
  elseif declared.requestBuffering == false then
    compiled.place = "@stream" .. verified .. "_"
  end
  compiled.elsewhere = compiled.place ~= nil
    or place ~= "@http"
    or on and on.timeout
    or compiled.target ~= nil
    or compiled.sticky ~= nil
    or compiled.response_headers ~= nil
    or false
end

local targets = { https = "https://eru_tls", grpc = "grpc://eru_grpc", grpcs = "grpcs://eru_grpcs" }
local named_targets = { https = "https://eru_tls_named", grpcs = "grpcs://eru_tls_named" }

local function body_class(bytes_max)
  for _, class in ipairs(body_classes) do
    if bytes_max <= class[1] then
      return class[2]
    end
  end
  return "all"
end

--- A forward action as requests are routed with it; `id` is its rule's.
function _M.compile(declared, id)
  local timeouts, balance = declared.timeouts or {}, declared.balance
  local endpoint_tls = declared.endpointTls or {}
  local compiled = {
    id = id,
    split = declared.split and conditions.hash_key(declared.split),
    sticky = sticky_of(declared.sticky),
    balance = type(balance) == "string" and balance or balance and "hash" or nil,
    hash = type(balance) == "table" and conditions.hash_key(balance.hash) or nil,
    rewrite = declared.rewrite and rewriting.compile(declared.rewrite, id),
    upstream_host = declared.rewrite and declared.rewrite.host,
    request_headers = declared.requestHeaders,
    response_headers = declared.responseHeaders,
    connect_s = seconds(timeouts.connect),
    read_s = seconds(timeouts.read),
    send_s = seconds(timeouts.send),
    tries = declared.retry and declared.retry.tries,
    target = (declared.endpointTls and named_targets or targets)[declared.protocol],
    tls_name = endpoint_tls.name,
    grpc = declared.protocol == "grpc" or declared.protocol == "grpcs",
    upgrades = declared.websocket ~= false,
    -- A stream has no end to count to; a limit on it has to be declared.
    body_bytes_max = declared.bodyBytesMax or body_bytes_default,
    mirror = declared.mirror,
    fallback = declared.fallback,
  }
  if compiled.grpc and not declared.bodyBytesMax then
    compiled.body_bytes_max = math.huge
  end
  compiled.body_class = body_class(compiled.body_bytes_max)
  compiled.backends, compiled.total = backends_of(declared)
  compiled.rate, compiled.in_flight_max = limits_of(declared.limits)
  place_of(compiled, declared)
  compiled.timed = (compiled.connect_s or compiled.read_s or compiled.send_s) ~= nil
  compiled.changes = (compiled.rewrite or compiled.request_headers) ~= nil
  return compiled
end

return _M
