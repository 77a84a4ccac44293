-- What this worker knows of the table: compiled when first asked for, dropped when a change names it.
local lrucache = require("resty.lrucache")
local compile = require("eru.compile")
local store = require("eru.store")

local _M = {}

local hosts_max, pools_max = 20000, 20000
local hosts, pools = lrucache.new(hosts_max), lrucache.new(pools_max)
local forward
local seen, gen

-- In force until the table says otherwise.
local forward_default =
  compile.forward('{"tries":3,"connectMs":1000,"sendMs":60000,"readMs":60000,"upgradedMs":3600000}')

local function forget_all()
  hosts:flush_all()
  pools:flush_all()
  forward = nil
end

local function forget(keys)
  for kind, name in keys:gmatch("(%l):([^\n]+)") do
    if kind == "r" then
      hosts:delete(name)
    elseif kind == "p" then
      pools:delete(name)
    else
      forward = nil
    end
  end
end

--- Brings this worker up to the newest change and returns its token. Asked before every decision, so it costs one read
--- of shared memory when nothing changed.
function _M.catch_up()
  local token = store.token()
  if token == seen then
    return token
  end
  local from = seen
  seen, gen = token, store.generation()
  -- Behind by more than the ring holds, its slots name other tokens and everything is dropped.
  for change = from or token, token - 1 do
    local keys = from and store.touched(change + 1)
    if not keys then
      forget_all()
      break
    end
    forget(keys)
  end
  return token
end

local function lookup(cache, key, name, build)
  local known = cache:get(name)
  if known then
    return known
  end
  local json, removed = store.read(gen, key)
  if not json then
    return nil, removed
  end
  known = build(json, name)
  cache:set(name, known)
  return known
end

--- The compiled host with exactly this name.
function _M.host(name)
  return lookup(hosts, "r:" .. name, name, compile.host)
end

--- The compiled pool; nil when there is none, nil and true when it was removed a moment ago.
function _M.pool(name)
  return lookup(pools, "p:" .. name, name, compile.pool)
end

--- How requests are forwarded.
function _M.forward()
  if not forward then
    local json = store.read(gen, "g:forward")
    forward = json and compile.forward(json) or forward_default
  end
  return forward
end

return _M
