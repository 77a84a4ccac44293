-- Which backend of a forward action a request goes to.
local values = require("eru.values")
local view = require("eru.view")

local _M = {}

local function falls_in(backends, number)
  local first = backends[1]
  if number < first.weight then
    return first
  end
  for _, backend in ipairs(backends) do
    if number < backend.weight then
      return backend
    end
    number = number - backend.weight
  end
end

local function serves(pool)
  return pool ~= nil and #pool.active > 0
end

--- The backends with an endpoint and the sum of their weights.
function _M.serving(forward)
  local backends, total = {}, 0
  for _, backend in ipairs(forward.backends) do
    if serves(view.pool(backend.pool)) then
      backends[#backends + 1] = backend
      total = total + backend.weight
    end
  end
  return backends, total
end

--- The number a split hangs on; nil when it is by chance.
function _M.split_number(forward, request)
  local value = forward.split and values.key(request, forward.split)
  return value and values.number(forward.id .. ":" .. value)
end

--- The backend of `backends` (with this sum of weights) that a number falls to, or by chance.
function _M.draw(backends, total, number)
  return falls_in(backends, number and number % total or math.random(0, total - 1))
end

local function missing(forward)
  for _, backend in ipairs(forward.backends) do
    if view.pool(backend.pool) then
      return "no_endpoint"
    end
  end
  return "no_such_pool"
end

-- Nobody serves where the request belongs: among those who do, else at the fallback.
local function elsewhere(forward, number)
  local serving, total = _M.serving(forward)
  if total > 0 then
    local backend = _M.draw(serving, total, number)
    return view.pool(backend.pool), backend.pool, backend
  end
  local pool = forward.fallback and view.pool(forward.fallback)
  if serves(pool) then
    return pool, forward.fallback
  end
  if forward.fallback then
    return nil, pool and "no_endpoint" or "no_such_pool"
  end
  return nil, missing(forward)
end

--- The pool a request goes to, its name and its backend (nil for the fallback); nil and the reason when nobody serves.
function _M.choose(forward, request)
  local backends, number = forward.backends, nil
  local backend = backends[1]
  if #backends > 1 then
    number = _M.split_number(forward, request)
    backend = _M.draw(backends, forward.total, number)
  end
  local pool = view.pool(backend.pool)
  if serves(pool) then
    return pool, backend.pool, backend
  end
  return elsewhere(forward, number)
end

return _M
