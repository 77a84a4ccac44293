-- Answers what an ACME directory asks of a host. A token that is not ours is routed like any other request: the host's own
-- workloads may be talking to a directory of theirs.
local cjson = require("cjson")
local store = require("eru.store")

local _M = {}

local prefix = "/.well-known/acme-challenge/"

--- True when the path is a token of the table, which is then answered.
function _M.answer(path)
  if path:sub(1, #prefix) ~= prefix then
    return false
  end
  local json = store.read(store.generation(), "a:" .. path:sub(#prefix + 1))
  if not json then
    return false
  end
  ngx.header["Content-Type"] = "application/octet-stream"
  ngx.print(cjson.decode(json).answer)
  ngx.exit(ngx.HTTP_OK)
  return true
end

return _M
