-- Answers by the load balancer itself.
local rewriting = require("eru.rewriting")
local values = require("eru.values")

local _M = {}

local text_type = "text/plain; charset=utf-8"

local refusals = {
  no_such_host = { 404, "There is no route for this host.\n" },
  no_such_path = { 404, "There is no route for this request on this host.\n" },
  no_such_pool = { 503, "The route of this request names a pool that is gone. Try again.\n" },
  no_endpoint = { 503, "No healthy instance can take this request now. Try again.\n" },
  in_flight_limit = { 503, "Every instance is at its limit of requests. Try again.\n" },
  rate_limited = { 429, "Too many requests. Try again later.\n" },
  upgrade_refused = { 403, "This address takes no WebSocket connections.\n" },
  body_too_large = { 413, "The body of this request is larger than this address takes.\n" },
  endpoint_failed = { 502, "The instance that was asked did not answer. Try again.\n" },
  endpoint_timeout = { 504, "The instance that was asked did not answer in time.\n" },
}

-- What gRPC calls the same: a caller of it does not look at the status of HTTP.
local grpc_codes = { [403] = 7, [404] = 12, [413] = 8, [429] = 8, [502] = 14, [503] = 14, [504] = 4 }

local function finish(status, body)
  ngx.status = status
  ngx.print(body)
  return ngx.exit(ngx.HTTP_OK)
end

--- Refuses a request, for one of the reasons above.
function _M.refuse(reason)
  local status, text = unpack(refusals[reason])
  ngx.header["X-Eru-Reason"] = reason
  if values.is_grpc({}) then
    ngx.header["Content-Type"] = "application/grpc"
    ngx.header["Grpc-Status"] = grpc_codes[status]
    ngx.header["Grpc-Message"] = text:sub(1, -2)
    return finish(200, "")
  end
  ngx.header["Content-Type"] = text_type
  if status == 503 then
    ngx.header["Retry-After"] = 1
  end
  return finish(status, text)
end

--- Sends the client elsewhere.
function _M.redirect(status, location)
  ngx.header["Location"] = location
  ngx.header["Content-Type"] = text_type
  return finish(status, "")
end

--- Where a request leads over TLS.
function _M.https(request)
  local query = ngx.var.args
  return "https://" .. request.host .. rewriting.escape(request.path) .. (query and "?" .. query or "")
end

--- Gives the answer a rule holds.
function _M.respond(respond)
  ngx.header["Content-Type"] = text_type
  for name, value in pairs(respond.headers or {}) do
    ngx.header[name] = value
  end
  local bodiless = respond.status == 204 or respond.status == 304
  return finish(respond.status, bodiless and "" or respond.body or "")
end

return _M
