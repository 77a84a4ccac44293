-- TLS by the name a client asks for: certificate and lowest version. Everything comes from the
-- table, so a change needs no reload; handshakes and connections under way are not touched.
local acme = require("eru.acme")
local cjson = require("cjson")
local clienthello = require("ngx.ssl.clienthello")
local lines = require("eru.lines.tls")
local lrucache = require("resty.lrucache")
local ssl = require("ngx.ssl")
local store = require("eru.store")

local _M = {}

-- By the whole text of a value: another text is another entry, so nothing here can be out of date.
local pairs_max, policies_max = 2000, 20000
local parsed = lrucache.new(pairs_max)
local policies = lrucache.new(policies_max)
local none = {} -- a host that was looked for and has no policy
local seen

local function catch_up()
  local token = store.token()
  if token == seen then
    return
  end
  for change = seen or token, token - 1 do
    local keys = store.touched(change + 1)
    if not keys or keys:find("t:", 1, true) then
      policies:flush_all()
      break
    end
  end
  seen = token
end

local function look_up_policy(host)
  local gen = store.generation()
  local json = store.read(gen, "t:" .. host)
  local rest = host
  while not json do
    -- Any depth, as hosts of routes: the nearest wildcard decides, then `*`.
    rest = rest:match("%.(.+)$")
    if not rest then
      json = store.read(gen, "t:*")
      break
    end
    json = store.read(gen, "t:*." .. rest)
  end
  return json and cjson.decode(json) or none
end

local function policy_of(host)
  catch_up()
  local policy = policies:get(host)
  if not policy then
    policy = look_up_policy(host)
    policies:set(host, policy)
  end
  return policy
end

-- A certificate's wildcard stands for exactly one label.
local function find_certificate(name)
  local gen = store.generation()
  local json = store.read(gen, "c:" .. name)
  if json then
    return json
  end
  local rest = name:match("^[^.]+%.(.+)$")
  return rest and store.read(gen, "c:*." .. rest)
end

local function asked_for(name)
  return name and name:lower():gsub("%.$", "")
end

--- ClientHello phase: a host may want more than the server's lowest version.
function _M.client_hello()
  local host = asked_for(clienthello.get_client_hello_server_name())
  if host and policy_of(host).min == "1.3" then
    assert(clienthello.set_protocols({ "TLSv1.3" }))
  end
end

--- Certificate phase. Without a certificate for the name the placeholder of the configuration stays, which no client trusts.
function _M.certificate()
  local host = asked_for(ssl.server_name())
  local json = host and find_certificate(host)
  if not json then
    return
  end
  local pair = parsed:get(json)
  if not pair then
    pair = lines.pair(json)
    if not pair then
      return
    end
    parsed:set(json, pair)
  end
  assert(ssl.clear_certs())
  assert(ssl.set_cert(pair.cert))
  assert(ssl.set_priv_key(pair.key))
end

-- A connection that was made for one host may carry requests for another; one below the other's version may not.
local function misdirected()
  ngx.status = 421
  ngx.header["Content-Type"] = "text/plain; charset=utf-8"
  ngx.header["X-Eru-Reason"] = "tls_version"
  ngx.print("This host is served over TLS 1.3 only.\n")
  ngx.exit(ngx.HTTP_OK)
  return true
end

--- First in the access phase: true when the request is answered here.
function _M.answer(var, host, path)
  if acme.answer(path) then
    return true
  end
  return var.scheme == "https"
    and policy_of(host).min == "1.3"
    and var.ssl_protocol ~= "TLSv1.3"
    and misdirected()
end

return _M
