-- One try of a request at an endpoint: counted in before it is sent, counted out and judged when it is over.
local balancer = require("ngx.balancer")
local health = require("eru.health")
local inflight = require("eru.inflight")
local metrics = require("eru.metrics")

local _M = {}

-- Of a try that got no connection nginx reports the time "-"; in the balancer phase the next try has begun and stands
-- behind it as " : ".
local function no_connection()
  local times = ngx.var.upstream_connect_time
  return times ~= nil and times:match("([%d%.-]+)[%s:]*$") == "-"
end

-- What failed: "connect", "timeout", a status as text, or nil for an answer; nil and true when nobody knows, because the
-- client went away.
local function outcome_of(status)
  if status == 499 then
    return nil, true
  elseif status < 500 then
    return nil
  elseif no_connection() then
    return "connect"
  end
  local last = (ngx.var.upstream_status or ""):match("(%d%d%d)[%s:]*$")
  local header_times = ngx.var.upstream_header_time or ""
  if last == "504" and header_times:match("([%d%.-]+)[%s:]*$") == "-" then
    return "timeout"
  end
  return last
end

local function judge(endpoint, fails_on, status)
  local failed, unknown = outcome_of(status)
  if unknown then
    return
  end
  -- A status is a failure only where the rule says so: else the endpoint is merely asked what it cannot answer.
  if not failed or (failed ~= "connect" and not (fails_on and fails_on[failed])) then
    health.succeeded(endpoint, ngx.now())
    return failed
  end
  local labels = 'pool="' .. endpoint.pool .. '"'
  if failed == "connect" then
    metrics.count("eru_elb_connect_failures_total", labels)
  else
    metrics.count("eru_elb_endpoint_failures_total", labels .. ',failed="' .. failed .. '"')
  end
  if health.failed(endpoint, ngx.now()) then
    metrics.count("eru_elb_ejections_total", labels)
    ngx.log(ngx.WARN, "left out after repeated failures (", failed, "): ", endpoint.key)
  end
  return failed
end

--- Counts a try in, before this worker can tell anybody that it saw a later change. `limited`: its place was taken in
--- `balance.pick`.
function _M.begin(request, endpoint, limited)
  request.endpoint, request.last, request.limited = endpoint, endpoint, limited
  request.tries = request.tries + 1
  inflight.enter(request.kind, endpoint)
end

local function count_out(request)
  local endpoint = request.endpoint
  request.endpoint = nil
  inflight.leave(request.kind, endpoint)
  if request.limited then
    inflight.give_back(endpoint.id)
  end
  return endpoint
end

--- Ends a try that nginx gave up for another, and returns what failed. Called in the balancer phase.
function _M.next(request)
  local endpoint = count_out(request)
  request.tried = request.tried or {}
  request.tried[endpoint.id] = true
  metrics.count("eru_elb_retries_total", 'pool="' .. endpoint.pool .. '"')
  local _, status = balancer.get_last_failure()
  return judge(endpoint, request.fails_on, status or 502)
end

--- Ends the last try. Called in the log phase.
function _M.finish(request)
  if request.endpoint then
    judge(count_out(request), request.fails_on, ngx.status)
  end
end

return _M
