-- The role for other programs: as text, and over HTTP with the paths and status codes of Patroni's REST API (Patroni's
-- documentation, "REST API").
--
-- Each thread of HAProxy has its own copy of this file, so that a flood of questions blocks neither the other threads
-- nor the files that watch PostgreSQL. Those write what they know into a map (rest_state.lua).

dofile((os.getenv("PAF_FACTS"):gsub("[^/]*$", "rest_query.lua")))

local NODE = os.getenv("PAF_NODE")
local FACTS = Map.new(os.getenv("PAF_FACTS"), Map._str)
local FRESH = 0.005 -- s for which the last look is used
local BORN = os.time()
local BEGIN_WITHIN = 2 -- s after the start; until then, a question waits for the first answer of PostgreSQL
local ROUND, ROUNDS = 20, 40 -- ms; and how many rounds a question may wait
local READY_LAG = 1048576 -- bytes, Patroni's maximum_lag_on_failover

local seen = { at = 0 }

local function status(pool)
    local server = core.proxies[pool].servers[NODE]
    return server and server:get_stats()["status"] or "MAINT"
end

-- The role of the node, and whether Pacemaker and PostgreSQL agree that it serves a pool.
local function look()
    local time = core.now()
    local now = time.sec + time.usec / 1000000
    if math.abs(now - seen.at) < FRESH then
        return seen
    end
    local prod, role = status("prod"), FACTS:lookup("role") or "unknown"
    local sync = FACTS:lookup("sync")
    seen = {
        at = now,
        role = role,
        -- A primary that Pacemaker did not announce: no client may use it.
        rogue = role == "production" and prod:find("MAINT", 1, true) ~= nil,
        primary = role == "production" and prod:find("^UP") ~= nil,
        standby = role == "standby" and status("stdby"):find("^UP") ~= nil,
        lag = tonumber(FACTS:lookup("lag")),
        receive_lag = tonumber(FACTS:lookup("receive-lag")),
        sync = sync ~= "" and sync or nil,
    }
    return seen
end

-- A process that has just begun does not know the role yet. It delays its answer until it does.
core.register_service("state", "tcp", function(applet)
    local node = look()
    local rounds = os.time() - BORN <= BEGIN_WITHIN and ROUNDS or 0
    while node.role == "unknown" and rounds > 0 do
        core.msleep(ROUND)
        node, rounds = look(), rounds - 1
    end
    applet:send((node.rogue and "down" or node.role) .. "\n")
end)

-- The status codes follow Patroni's api.py (4.1.5). As there, most paths are recognised by a word in them.

local function code(fine)
    return fine and 200 or 503
end

local function replica(node, asked)
    local most = query.bytes(asked["lag"])
    if not node.standby or most and node.lag and node.lag > most then
        return 503
    end
    local state = asked["replication_state"]
    return code(not state or state == "streaming" and node.sync ~= nil)
end

-- The paths that are recognised as a whole: the sync_state that they ask for, and whether a primary fits, too.
local EXACT = {
    ["/standby"] = { state = "any" }, -- of ours
    ["/sync"] = { state = "sync" },
    ["/synchronous"] = { state = "sync" },
    ["/quorum"] = { state = "quorum" },
    ["/async"] = { state = "async" },
    ["/asynchronous"] = { state = "async" },
    ["/read-only-quorum"] = { state = "quorum", primary = true },
    ["/read-only-sync"] = { state = "sync", primary = true },
    ["/read-only-synchronous"] = { state = "sync", primary = true },
}

local function exact(path, node, asked)
    local wanted = EXACT[path]
    if not wanted then
        return 503
    elseif wanted.primary and node.primary then
        return 200
    end
    local state = (node.sync == "sync" or node.sync == "quorum") and node.sync or "async"
    return (wanted.state == "any" or wanted.state == state) and replica(node, asked) or 503
end

local function has(path, ...)
    for _, word in ipairs({ ... }) do
        if path:find(word, 1, true) then
            return true
        end
    end
    return false
end

-- The status of a health check.
local function check(path, node, asked)
    if path == "/" then
        path = "/primary"
    end
    if has(path, "standby_leader", "standby-leader") then
        return 503 -- there are no standby clusters here
    elseif has(path, "leader", "master", "primary", "read-write") then
        return code(node.primary)
    end
    local found
    if has(path, "replica") then
        found = replica(node, asked)
    elseif has(path, "read-only") and not has(path, "sync", "quorum") then
        found = node.primary and 200 or replica(node, asked)
    elseif has(path, "health") then
        found = code(node.role ~= "down")
    else
        found = exact(path, node, asked)
    end
    return query.asks_for_tag(asked) and 503 or found
end

local function readiness(node, asked)
    local most = query.bytes(asked["lag"]) or READY_LAG
    local lag = asked["mode"] == "write" and node.receive_lag or node.lag
    return code(node.primary or node.standby and node.sync ~= nil and lag ~= nil and lag <= most)
end

-- What GET answers by the first part of the path: the status, the body, its type. All else is a health check.
local DOCUMENTS = {
    liveness = function() return 200 end,
    readiness = function(asked) return readiness(look(), asked) end,
    patroni = function() return 200, FACTS:lookup("patroni") end,
    cluster = function() return 200, FACTS:lookup("cluster") end,
    metrics = function() return 200, FACTS:lookup("patroni-metrics"), "text/plain" end,
    history = function() return 200, "[]" end, -- Pacemaker keeps none
    config = function() return 502 end, -- there is no configuration in a DCS
    failsafe = function() return 502 end,
}

local METHODS = { GET = true, HEAD = true, OPTIONS = true }

local function answer(method, path, asked)
    if not METHODS[method] then
        return 501
    end
    local document = method == "GET" and DOCUMENTS[path:match("^/*([^/]*)")]
    if document then
        return document(asked)
    end
    return check(path, look(), asked), method == "GET" and FACTS:lookup("patroni") or nil
end

core.register_service("rest", "http", function(applet)
    local status, body, kind = answer(applet.method, applet.path or "/", query.parse(applet.qs or ""))
    body = body and body .. "\n" or ""
    applet:set_status(status)
    applet:add_header("content-type", kind or "application/json")
    applet:add_header("content-length", tostring(#body))
    applet:start_response()
    applet:send(body)
end)
