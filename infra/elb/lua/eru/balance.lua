-- Which endpoint of a pool gets the next request: by smooth weighted round robin, the fewest in flight, or a hash of the
-- request. Nothing here waits or reads shared memory, except for the limit of requests in flight.
local bit = require("bit")
local health = require("eru.health")
local inflight = require("eru.inflight")

local _M = {}

local band, bnot, bxor = bit.band, bit.bnot, bit.bxor
local lshift, rshift, tobit = bit.lshift, bit.rshift, bit.tobit

-- What an endpoint gets when it has just become healthy, of its weight.
local slow_start_least = 0.1

-- The weight as of now: it grows in a line while the endpoint warms up.
local function weight_of(pool, endpoint, now)
  local warm_for = pool.slow_start_s
  if not warm_for or now >= pool.warm_at_s or not endpoint.since then
    return endpoint.w
  end
  local share = (now - endpoint.since) / warm_for
  return endpoint.w * math.max(slow_start_least, math.min(1, share))
end

local function round_robin(pool, candidates, now, tried)
  local best, total = nil, 0
  local warming = pool.warm_at_s > now
  if pool.even and not warming then
    -- The same order without looking at each. A further try takes no turn: else with one of two endpoints dead every
    -- request would begin there.
    local turn = pool.turn
    pool.turn = tried and turn or turn + 1
    return candidates[turn % #candidates + 1]
  end
  for at = 1, #candidates do
    local endpoint = candidates[at]
    local weight = warming and weight_of(pool, endpoint, now) or endpoint.w
    endpoint.current = endpoint.current + weight
    total = total + weight
    if not best or endpoint.current > best.current then
      best = endpoint
    end
  end
  if best then
    best.current = best.current - total
  end
  return best
end

-- By what this worker has in flight. The kernel deals connections to workers by chance, so the others' counts say the same
-- on average, and to read them all would cost more than it brings.
local function least(pool, candidates, now)
  local best, best_load
  local count = #candidates
  -- From a place by chance: else idle pools would send everything to their first endpoint.
  local from = count > 1 and math.random(count) or 1
  for step = 0, count - 1 do
    local endpoint = candidates[(from + step - 1) % count + 1]
    local load = (inflight.here(endpoint.id) + 1) / weight_of(pool, endpoint, now)
    if not best or load < best_load then
      best, best_load = endpoint, load
    end
  end
  return best
end

-- Mixes 32 bits so that each of them hangs on all (Wang's hash, by shifts and sums: LuaJIT multiplies doubles).
local function mix(n)
  n = tobit(bnot(n) + lshift(n, 15))
  n = bxor(n, rshift(n, 12))
  n = tobit(n + lshift(n, 2))
  n = bxor(n, rshift(n, 4))
  n = tobit(n + lshift(n, 3) + lshift(n, 11))
  return bxor(n, rshift(n, 16))
end

local function fraction(n)
  return (band(n, 0x7fffffff) + 0.5) / 0x80000000
end

-- Rendezvous hashing: each endpoint draws a number for the key, the best takes it. Without one endpoint only its own keys
-- go elsewhere, spread over the rest; no state, so every worker and every load balancer decides alike.
local function by_hash(pool, candidates, now, hash)
  local best, best_score
  local salted = mix(tobit(hash))
  for at = 1, #candidates do
    local endpoint = candidates[at]
    local draw = fraction(mix(bxor(salted, endpoint.seed)))
    local score = -math.log(draw) / weight_of(pool, endpoint, now)
    if not best or score < best_score then
      best, best_score = endpoint, score
    end
  end
  return best
end

local function choose(pool, candidates, want)
  if want.how == "least" then
    return least(pool, candidates, want.now)
  elseif want.how == "hash" and want.hash then
    return by_hash(pool, candidates, want.now, want.hash)
  end
  return round_robin(pool, candidates, want.now, want.tried)
end

local function without(endpoints, unwanted)
  local rest = {}
  for _, endpoint in ipairs(endpoints) do
    if not unwanted[endpoint.id] then
      rest[#rest + 1] = endpoint
    end
  end
  return rest
end

--- An active endpoint of the pool; draining ones never. `want`: `now`; `tried`, a set of ids not to choose; `how`,
--- "round_robin" (absent), "least" or "hash" with the number `hash`; `in_flight_max`, then the endpoint is taken by
--- `inflight.take` and has to be given back. Without one nil and the reason, "no_endpoint" or "in_flight_limit".
function _M.pick(pool, want)
  local candidates = health.usable(pool, want.now)
  if want.tried then
    candidates = without(candidates, want.tried)
    if #candidates == 0 then
      candidates = without(pool.active, want.tried) -- Rather one that is left out than none.
    end
  end
  local endpoint = choose(pool, candidates, want)
  if not endpoint or not want.in_flight_max then
    return endpoint, not endpoint and "no_endpoint" or nil
  end
  local busy = {}
  while endpoint and not inflight.take(endpoint.id, want.in_flight_max) do
    busy[endpoint.id] = true
    endpoint = choose(pool, without(candidates, busy), want)
  end
  return endpoint, not endpoint and "in_flight_limit" or nil
end

return _M
