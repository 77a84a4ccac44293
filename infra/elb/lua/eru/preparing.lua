-- What is done to a request that is going to be forwarded, before nginx does it: its body's length, its path and headers,
-- its copy, and which location of nginx.conf goes on with it.
local mirror = require("eru.mirror")
local rewriting = require("eru.rewriting")

local _M = {}

-- The length a body is said to have; nil when that is open.
local function length_of(var)
  local length = var.content_length
  if length then
    return tonumber(length) or math.huge
  end
  -- Of the first version a body is announced; asked by its name, because LuaJIT cannot compile `ngx.req.http_version`.
  if (var.server_protocol or ""):byte(6) ~= 49 or var.http_transfer_encoding then -- "HTTP/1"
    return nil
  end
  return 0
end

-- The length of a body that was read.
local function length_read()
  local body = ngx.req.get_body_data()
  if body then
    return #body
  end
  local path = ngx.req.get_body_file()
  local file = path and io.open(path, "rb")
  if not file then
    return 0
  end
  local length = file:seek("end")
  file:close()
  return length
end

local function change(forward, request, var)
  if forward.rewrite then
    var.eru_path = request.path
    ngx.req.set_uri(forward.rewrite(request.path), false, true)
    request.rewritten = true
  end
  if forward.upstream_host and forward.upstream_host.exact then
    var.eru_upstream_host = forward.upstream_host.exact
  end
  if forward.request_headers then
    rewriting.change_request(forward.request_headers)
  end
end

local function copy(forward, request, length)
  if request.kind == "upgraded" then
    return
  end
  local streamed = forward.place ~= nil
  if length == nil and streamed or length and length > mirror.body_bytes_max or streamed and length > 0 then
    return mirror.skip(forward.mirror)
  end
  local target = ngx.var.request_uri
  if request.rewritten then
    target = rewriting.escape(ngx.var.uri) .. ngx.var.is_args .. (ngx.var.args or "")
  end
  ngx.req.read_body()
  mirror.copy(forward.mirror, target)
end

-- Changes, copy, and on to the location that forwards.
local function go(forward, request, var, length)
  if forward.changes or forward.upstream_host then
    change(forward, request, var)
  end
  if forward.mirror then
    copy(forward, request, length)
  end
  if forward.target then
    var.eru_target = forward.target
    if forward.tls_name then
      var.eru_tls_name = forward.tls_name
    end
  end
  if forward.place then
    return ngx.exec(forward.place .. (length and "all" or forward.body_class))
  elseif forward.elsewhere or request.read then
    return ngx.exec(forward.http_place)
  end
end

--- Access phase of a request that `forward` says what to do with. A reason when it is refused.
function _M.run(forward, request)
  local var = ngx.var
  local length = length_of(var)
  if length and length > forward.body_bytes_max then
    return "body_too_large"
  end
  if not length and not forward.place then
    return ngx.exec("@read_" .. forward.body_class)
  end
  return go(forward, request, var, length)
end

--- The same for a body without a known length that is read first, in a location that bounds it roughly.
function _M.read(forward, request)
  ngx.req.read_body()
  request.read = true
  local length = length_read()
  if length > forward.body_bytes_max then
    return "body_too_large"
  end
  return go(forward, request, ngx.var, length)
end

return _M
