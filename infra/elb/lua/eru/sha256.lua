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

--- The digest of a string, in lower-case hexadecimal.
return function(text)
  local state = ffi.new("eru_sha256_state")
  ffi.C.SHA256_Init(state)
  ffi.C.SHA256_Update(state, text, #text)
  ffi.C.SHA256_Final(digest, state)
  return (ffi.string(digest, 32):gsub(".", function(byte)
    return string.format("%02x", byte:byte())
  end))
end
