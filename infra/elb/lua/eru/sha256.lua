-- SHA-256 from the libcrypto that nginx is linked with; Debian packages no Lua module for it. The three-step form, because
-- a statically linked OpenResty holds only what nginx itself needs.
local ffi = require("ffi")

ffi.cdef([[
  typedef struct eru_sha256_state {
    uint32_t h[8]; uint32_t nl, nh; uint32_t data[16]; unsigned int num, md_len;
  } eru_sha256_state;
  int SHA256_Init(eru_sha256_state *c);
  int SHA256_Update(eru_sha256_state *c, const void *data, size_t len);
  int SHA256_Final(unsigned char *md, eru_sha256_state *c);
]])

local digest = ffi.new("unsigned char[32]")

local _M = {}

--- A digest of what is added piece by piece: {add(text), digest()}. `digest` ends it and gives lower-case hexadecimal.
function _M.start()
  local state = ffi.new("eru_sha256_state")
  ffi.C.SHA256_Init(state)
  return {
    add = function(text)
      ffi.C.SHA256_Update(state, text, #text)
    end,
    digest = function()
      ffi.C.SHA256_Final(digest, state)
      return (ffi.string(digest, 32):gsub(".", function(byte)
        return string.format("%02x", byte:byte())
      end))
    end,
  }
end

--- The digest of a string, in lower-case hexadecimal.
function _M.of(text)
  local state = _M.start()
  state.add(text)
  return state.digest()
end

return _M
