-- The requests of one run of wrk. Arguments: operation, file of tokens, prefix of the ext_ids.
-- Every request carries the next token; every create is a new pair for that token's user. A search
-- has its target behind the token.

local users, tokens, targets = {}, {}, {}
local operation, prefix
local n = 0

function init(args)
   operation, prefix = args[1], args[3]
   for line in io.lines(args[2]) do
      -- Ids stay strings: a number of Lua's loses digits past 2^53.
      local user, token, target = line:match("^(%d+) (%S+) ?(.*)$")
      users[#users + 1] = user
      tokens[#tokens + 1] = "Bearer " .. token
      targets[#targets + 1] = target
   end
end

local function body(user, i)
   -- An odd factor modulo 2^32 never repeats and scatters the pairs over the index.
   local ext_id = string.format("%08x%s", (i * 2654435761) % 4294967296, prefix)
   local shape = i % 4
   if shape == 0 then
      return string.format(
         '{"user_id": %s, "provider": "facebook", "ext_id": "%s", ' ..
         '"profile_url": "https://www.facebook.com/profile/%s", "show_in_profile": true}',
         user, ext_id, ext_id)
   elseif shape == 1 then
      return string.format(
         '{"user_id": %s, "provider": "google", "ext_id": "%s"}', user, ext_id)
   elseif shape == 2 then
      return string.format(
         '{"user_id": %s, "provider": "linkedin", "ext_id": "%s", ' ..
         '"profile_url": "https://www.linkedin.com/in/%s", "show_in_profile": false}',
         user, ext_id, ext_id)
   end
   return string.format(
      '{"user_id": %s, "provider": "external", "ext_id": "%s", ' ..
      '"metadata": {"plan": "team", "seats": %d, "tags": ["a", "b"], "trial": false}}',
      user, ext_id, i % 100)
end

function request()
   n = n + 1
   local i = (n - 1) % #tokens + 1
   local headers = {["Authorization"] = tokens[i]}
   if targets[i] ~= "" then
      return wrk.format("GET", targets[i], headers)
   end
   if operation == "list" then
      return wrk.format("GET", "/api/v2/user/" .. users[i] .. "/provider/", headers)
   end
   headers["Content-Type"] = "application/json"
   return wrk.format("POST", "/api/v2/user/provider/", headers, body(users[i], n))
end

function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      'RESULT {"requests": %d, "seconds": %.6f, "p50": %.4f, "p99": %.4f, ' ..
      '"refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      e.status, e.connect + e.read + e.write + e.timeout))
end
