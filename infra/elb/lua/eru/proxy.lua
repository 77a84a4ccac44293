-- The life of a request: matched in the access phase, given an endpoint in the balancer phase (once per try), counted out
-- and logged at its end.
local balancer = require("ngx.balancer")
local balance = require("eru.balance")
local match = require("eru.match")
local metrics = require("eru.metrics")
local store = require("eru.store")
local tries = require("eru.tries")
local view = require("eru.view")
local workers = require("eru.workers")

local _M = {}

local rounds_max = 3

-- What the balancer is asked for; it is asked and answers at once, so one table will do.
local want = {}

-- By request id. `ngx.ctx` would not do: nginx empties it when an error page is another location, and the count of a
-- request in flight would never come down.
local requests = {}

local answers = {
  no_such_host = { 404, "There is no route for this host.\n" },
  no_such_path = { 404, "There is no route for this path on this host.\n" },
  no_such_pool = { 503, "The route of this request names a pool that is gone. Try again.\n" },
  no_endpoint = { 503, "No healthy instance can take this request now. Try again.\n" },
  endpoint_failed = { 502, "The instance that was asked did not answer. Try again.\n" },
  endpoint_timeout = { 504, "The instance that was asked did not answer in time.\n" },
}

local function answer(reason)
  local status, text = unpack(answers[reason])
  ngx.status = status
  ngx.header["Content-Type"] = "text/plain; charset=utf-8"
  ngx.header["X-Eru-Reason"] = reason
  if status == 503 then
    ngx.header["Retry-After"] = 1
  end
  ngx.print(text)
  return ngx.exit(ngx.HTTP_OK)
end

-- The pool of a request by the newest table. What is missing may have been renamed a moment ago: the table is asked again
-- while it changes.
local function resolve(request)
  for _ = 1, rounds_max do
    local token = view.catch_up()
    local found, reason, route = match.find(request.host, request.path)
    request.route = found and found.route or route
    request.rule, request.pool = found and found.rule, found and found.pool
    local pool = found and view.pool(found.pool)
    if pool then
      return pool
    end
    request.reason = reason or "no_such_pool"
    if store.token() == token then
      break
    end
  end
end

--- Access phase: a request that has nowhere to go is answered here.
function _M.access()
  local var = ngx.var
  local request = { host = var.host, path = var.uri, tries = 0 }
  requests[var.request_id] = request
  local pool = resolve(request)
  if pool then
    request.reason = #pool.active == 0 and "no_endpoint" or nil
  end
  if request.reason then
    return answer(request.reason)
  end
  request.kind = var.eru_upgrade ~= "" and "upgraded" or "http"
end

--- Balancer phase: runs for every try and must not wait. The pool is looked up again by name: between the access phase
--- and here lies the upload of the body, long enough for an endpoint to be drained.
function _M.balance()
  local request = requests[ngx.var.request_id]
  if request.endpoint then
    tries.next(request)
  end
  local pool = resolve(request)
  want.now, want.tried = ngx.now(), request.tried
  local endpoint, reason
  if pool then
    endpoint, reason = balance.pick(pool, want)
  end
  if not endpoint then
    request.reason = reason or request.reason
    return ngx.exit(ngx.ERROR)
  end
  local forward = view.forward()
  if request.tries == 0 then
    balancer.set_more_tries(math.min(forward.tries, #pool.active) - 1)
  end
  request.reason = nil
  tries.begin(request, endpoint)
  assert(balancer.set_current_peer(endpoint.host, endpoint.port))
  local read = request.kind == "upgraded" and forward.upgradedMs or forward.readMs
  assert(balancer.set_timeouts(forward.connectMs / 1000, forward.sendMs / 1000, read / 1000))
end

--- The answer when no endpoint gave one.
function _M.failed()
  local request = requests[ngx.var.request_id]
  local last = (ngx.var.upstream_status or ""):match("(%d+)$")
  request.reason = request.reason or (last == "504" and "endpoint_timeout" or "endpoint_failed")
  return answer(request.reason)
end

--- Log phase: runs once for every request, however it ended.
function _M.log()
  local var = ngx.var
  local request = requests[var.request_id]
  if not request then
    return -- nginx refused it before it was matched.
  end
  requests[var.request_id] = nil
  tries.finish(request)
  local route, pool = request.route or "", request.pool or ""
  var.eru_route, var.eru_rule, var.eru_pool = route, request.rule or "", pool
  var.eru_release = request.last and request.last.release or ""
  var.eru_endpoint, var.eru_tries, var.eru_reason = request.last and request.last.id or "", request.tries, request.reason or ""
  if request.reason then
    metrics.count("eru_elb_refused_total", 'host="' .. route .. '",pool="' .. pool .. '",reason="' .. request.reason .. '"')
  end
  metrics.observe(route, request.rule or "", pool, ngx.status, tonumber(var.request_time))
end

--- Runs every 50 ms in every worker, so that also an idle one acknowledges changes.
function _M.tick(leaving)
  if leaving then
    return workers.leaving()
  end
  workers.ack(view.catch_up())
end

return _M
