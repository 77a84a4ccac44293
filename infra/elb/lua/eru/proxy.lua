-- The life of a request: matched in the access phase, given an endpoint in the balancer phase (once per try), counted out
-- and logged at its end.
local answers = require("eru.answers")
local balance = require("eru.balance")
local balancer = require("ngx.balancer")
local base = require("resty.core.base")
local ffi = require("ffi")
local health = require("eru.health")
local inflight = require("eru.inflight")
local match = require("eru.match")
local metrics = require("eru.metrics")
local preparing = require("eru.preparing")
local rate = require("eru.rate")
local rewriting = require("eru.rewriting")
local splitting = require("eru.splitting")
local sticky = require("eru.sticky")
local store = require("eru.store")
local tls = require("eru.tls")
local tries = require("eru.tries")
local values = require("eru.values")
local clear_table = require("table.clear")
local new_table = require("table.new")
local view = require("eru.view")
local workers = require("eru.workers")

local _M = {}

local rounds_max = 3
local get_request, cast, tonumber = base.get_request, ffi.cast, tonumber

-- By the address of nginx's own record of the request, which stays the same until after the log phase. `ngx.ctx` would not
-- do: nginx empties it when it goes on in another location, and the count of a request in flight would never come down.
local requests = {}

-- What the balancer is asked for; it is asked and answers at once, so one table will do.
local want = {}

-- Records of requests that are over, to be filled anew: a table for each request would be most of what has to be collected.
local spare, spare_count, spare_max = {}, 0, 1024

local function current()
  local address = tonumber(cast("uintptr_t", get_request()))
  return address -- Not at once: LuaJIT cannot compile a function that ends in the call of one of its own.
end

local function begin()
  if spare_count == 0 then
    return new_table(0, 24)
  end
  local request = spare[spare_count]
  spare[spare_count] = nil
  spare_count = spare_count - 1
  return request
end

local function finish(request)
  if spare_count < spare_max then
    clear_table(request)
    spare_count = spare_count + 1
    spare[spare_count] = request
  end
end

-- The rule of a request by the newest table; nil and why there is none.
local function find_rule(request)
  local host, route = match.host(request.host)
  if not host then
    return nil, "no_such_host"
  end
  request.route = route
  if host.redirect_http and ngx.var.scheme == "http" then
    request.rule = nil
    return nil, "to_https"
  end
  local rule = match.rule(host, request)
  request.rule = rule
  return rule, not rule and "no_such_path" or nil
end

local function choose(forward, request)
  if forward.sticky then
    local pool, name, backend, endpoint = sticky.bound(forward, request)
    if pool and not (request.tried and request.tried[endpoint.id]) then
      return pool, name, backend, endpoint
    end
  end
  return splitting.choose(forward, request)
end

-- Finds rule and pool by the newest table; what is in the way of it.
local function resolve_once(request)
  request.token = view.catch_up()
  local rule, reason = find_rule(request)
  local forward = rule and rule.forward
  request.fails_on = forward and forward.retry_on
  if not forward then
    return reason
  end
  local pool, name, backend, bound = choose(forward, request)
  request.pool = pool
  if pool then
    request.pool_name, request.backend, request.bound = name, backend, bound
    return nil
  end
  request.pool_name = forward.backends[1].pool
  return name
end

-- What is missing may have been renamed a moment ago: the table is asked again while it changes.
local function resolve(request)
  local reason = resolve_once(request)
  local round = 1
  while reason and round < rounds_max and store.token() ~= request.token do
    reason = resolve_once(request)
    round = round + 1
  end
  return reason
end

--- Access phase: a request that has nowhere to go is answered here.
function _M.access()
  local var = ngx.var
  local host, path = var.host, var.uri
  if tls.answer(var, host, path) then
    return
  end
  local request = begin()
  request.host, request.path, request.tries = host, path, 0
  requests[current()] = request
  local reason = resolve(request)
  local rule = request.rule
  if reason == "to_https" then
    return answers.redirect(308, answers.https(request))
  elseif not reason and rule.redirect then
    return answers.redirect(rule.redirect.status, rewriting.location(rule, request, var.args))
  elseif not reason and rule.respond then
    return answers.respond(rule.respond)
  elseif not reason and rule.forward.rate and not rate.admits(rule.forward, request) then
    reason = "rate_limited"
  elseif not reason then
    request.kind = var.eru_upgrade ~= "" and "upgraded" or "http"
    reason = request.kind == "upgraded" and not rule.forward.upgrades and "upgrade_refused"
      or preparing.run(rule.forward, request)
  end
  if reason then
    request.reason = reason
    return answers.refuse(reason)
  end
end

--- Access phase of the locations that read a body whose length is not known.
function _M.read()
  local request = requests[current()]
  local reason = preparing.read(request.rule.forward, request)
  if reason then
    request.reason = reason
    return answers.refuse(reason)
  end
end

-- Why a failed try is not followed by another; nil when it is. Which answers count as failures nginx knows by location.
local function gives_up(on, failed)
  if not on or on[failed] or balancer.get_last_failure() == "next" then
    return nil
  elseif failed == "timeout" then
    return "endpoint_timeout"
  end
  return not on.connect and "endpoint_failed" or nil
end

-- The pool by the newest table: between the access phase and here lies the upload of the body, long enough for an endpoint
-- to be drained.
local function newest_pool(request)
  local token = view.catch_up()
  if token == request.token then
    return request.pool
  end
  local pool = view.pool(request.pool_name)
  if pool and #pool.active > 0 then
    request.token, request.pool = token, pool
    return pool
  end
  local reason = resolve(request)
  if reason or not request.rule or not request.rule.forward then
    return nil, reason or "no_such_pool"
  end
  return request.pool
end

local function is_usable(pool, endpoint)
  for _, one in ipairs(health.usable(pool, ngx.now())) do
    if one.id == endpoint.id then
      return true
    end
  end
  return false
end

-- The endpoint the client is bound to, if the pool still has it.
local function bound_to(request, pool, forward)
  local bound = not request.tried and request.bound
  for _, endpoint in ipairs(bound and pool.endpoints or {}) do
    if endpoint.id == bound.id then
      local stays = endpoint.s == "d" and forward.sticky.keep or is_usable(pool, endpoint)
      local free = stays and (not forward.in_flight_max or inflight.take(endpoint.id, forward.in_flight_max))
      return free and endpoint or nil
    end
  end
end

local function pick(request, pool, forward)
  local endpoint = bound_to(request, pool, forward)
  if endpoint then
    return endpoint
  end
  want.now, want.tried, want.how, want.in_flight_max = ngx.now(), request.tried, forward.balance, forward.in_flight_max
  if forward.hash then
    local value = values.key(request, forward.hash)
    want.hash = value and values.number(value) or nil
  end
  return balance.pick(pool, want)
end

local function set_timeouts(forward, defaults, kind)
  local read_s = forward.read_s or (kind == "upgraded" and defaults.upgradedMs or defaults.readMs) / 1000
  local connect_s, send_s = forward.connect_s or defaults.connectMs / 1000, forward.send_s or defaults.sendMs / 1000
  assert(balancer.set_timeouts(connect_s, send_s, read_s))
end

local function send_to(request, endpoint)
  local forward, defaults = request.rule.forward, view.forward()
  assert(balancer.set_current_peer(endpoint.host, endpoint.port))
  if not (defaults.usual and request.kind == "http" and not forward.timed) then
    set_timeouts(forward, defaults, request.kind)
  end
  if forward.upstream_host and forward.upstream_host.upstream then
    ngx.var.eru_upstream_host = endpoint.host .. ":" .. endpoint.port
    assert(balancer.recreate_request())
  end
end

--- Balancer phase: runs for every try and must not wait.
function _M.balance()
  local request = requests[current()]
  if request.endpoint then
    request.reason = gives_up(request.fails_on, tries.next(request))
    if request.reason then
      return ngx.exit(ngx.ERROR)
    end
  end
  local pool, reason = newest_pool(request)
  local forward, endpoint = request.rule and request.rule.forward, nil
  if pool then
    endpoint, reason = pick(request, pool, forward)
  end
  if not endpoint then
    request.reason = reason
    return ngx.exit(ngx.ERROR)
  end
  if request.tries == 0 then
    local more = math.min(forward.tries or view.forward().tries, #pool.active) - 1
    if more > 0 then
      balancer.set_more_tries(more)
    end
  end
  request.reason = nil
  tries.begin(request, endpoint, forward.in_flight_max ~= nil)
  send_to(request, endpoint)
end

--- Header filter of the locations for rules that change answers.
function _M.filter()
  local request = requests[current()]
  local forward = request and request.rule and request.rule.forward
  if not forward or not request.endpoint then
    return
  end
  if forward.response_headers then
    rewriting.change_response(forward.response_headers)
  end
  local cookie = forward.sticky and sticky.set_cookie(forward, request)
  if cookie then
    rewriting.change_response({ add = { ["Set-Cookie"] = cookie } })
  end
end

--- The answer when no endpoint gave one.
function _M.failed()
  local request = requests[current()]
  if not request then
    return ngx.exit(ngx.HTTP_BAD_GATEWAY) -- nginx failed before it was matched.
  end
  local last = (ngx.var.upstream_status or ""):match("(%d+)$")
  request.reason = request.reason or (last == "504" and "endpoint_timeout" or "endpoint_failed")
  return answers.refuse(request.reason)
end

--- The answer to a body that turned out to be longer than its rule takes.
function _M.too_large()
  local request = requests[current()]
  if request then
    request.reason = "body_too_large"
  end
  return answers.refuse("body_too_large")
end

local function series_of(request, route, pool)
  local rule = request.rule
  if not rule then
    return metrics.unmatched(route)
  end
  local series = rule.series[pool]
  if not series then
    series = metrics.series(route, rule.id, pool)
    rule.series[pool] = series
  end
  return series
end

--- Log phase: runs once for every request, however it ended.
function _M.log()
  local var = ngx.var
  local key = current()
  local request = requests[key]
  if not request then
    var.eru_tries = 0
    return -- nginx refused it before it was matched.
  end
  requests[key] = nil
  tries.finish(request)
  local route, rule, pool = request.route or "", request.rule and request.rule.id or "", request.pool_name or ""
  local last = request.last
  var.eru_route, var.eru_rule, var.eru_pool = route, rule, pool
  -- What is usual stands in nginx.conf: to set a variable costs a fraction of a microsecond.
  if request.tries ~= 1 then
    var.eru_tries = request.tries
  end
  if last then
    var.eru_endpoint = last.id
    if last.release then
      var.eru_release = last.release
    end
  end
  if request.reason then
    var.eru_reason = request.reason
    metrics.count("eru_elb_refused_total", 'host="' .. route .. '",pool="' .. pool .. '",reason="' .. request.reason .. '"')
  end
  metrics.observe(series_of(request, route, pool), ngx.status, ngx.now() - ngx.req.start_time())
  finish(request)
end

--- Runs every 50 ms in every worker, so that also an idle one acknowledges changes.
function _M.tick(leaving)
  if leaving then
    inflight.at_once()
    return workers.leaving()
  end
  local token = view.catch_up()
  inflight.tell()
  workers.ack(token)
end

return _M
