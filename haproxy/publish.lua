-- The role for other programs: as text, and over HTTP with the paths and status codes of Patroni's REST API (Patroni's
-- documentation, "REST API").
--
-- Each thread of HAProxy has its own copy of this file, so that a flood of questions blocks neither the other threads
-- nor the files that watch PostgreSQL. Those write what they know into a map (patroni.lua).

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

local UNITS = { [""] = 1, B = 1, kB = 1024, MB = 1048576, GB = 1073741824, TB = 1099511627776 }

local function bytes(text)
    local digits, unit = (text or ""):match("^(%d+)%s*(%a*)$")
    return digits and UNITS[unit] and tonumber(digits) * UNITS[unit] or nil
end

local function query(text)
    local found = {}
    for key, value in text:gmatch("([^&=]+)=([^&]*)") do
        found[key] = value:gsub("%%20", " "):gsub("+", " ")
    end
    return found
end

local function primary(node)
    return node.primary
end

local function replica(node, asked)
    local most = bytes(asked["lag"])
    if not node.standby or most and node.lag and node.lag > most then
        return false
    end
    local state = asked["replication_state"]
    return not state or state == "streaming" and node.sync ~= nil
end

local function running(node)
    return node.role ~= "down"
end

local function sync(node, asked)
    return replica(node, asked) and node.sync == "sync"
end

local function quorum(node, asked)
    return replica(node, asked) and node.sync == "quorum"
end

local function async(node, asked)
    return replica(node, asked) and node.sync ~= "sync" and node.sync ~= "quorum"
end

local function ready(node, asked)
    local most = bytes(asked["lag"]) or READY_LAG
    local follows = node.sync ~= nil and node.lag ~= nil and node.lag <= most
    return node.primary or node.standby and follows
end

local function either(one)
    return function(node, asked)
        return primary(node) or one(node, asked)
    end
end

local ANSWERS = {
    ["/"] = primary, ["/primary"] = primary, ["/master"] = primary, ["/leader"] = primary,
    ["/read-write"] = primary,
    ["/replica"] = replica, ["/standby"] = replica,
    ["/read-only"] = either(replica),
    ["/sync"] = sync, ["/synchronous"] = sync, ["/read-only-sync"] = either(sync),
    ["/quorum"] = quorum, ["/read-only-quorum"] = either(quorum),
    ["/async"] = async, ["/asynchronous"] = async,
    ["/health"] = running,
    ["/liveness"] = function() return true end,
    ["/readiness"] = ready,
    ["/patroni"] = function() return true end,
    ["/cluster"] = function() return true end,
}

local METHODS = { GET = true, HEAD = true, OPTIONS = true }

core.register_service("rest", "http", function(applet)
    local answer = ANSWERS[applet.path]
    local code = 503
    if not METHODS[applet.method] then
        code = 501
    elseif answer and answer(look(), query(applet.qs or "")) then
        code = 200
    end
    local body = ""
    if applet.method == "GET" and applet.path ~= "/liveness" then
        body = (FACTS:lookup(applet.path == "/cluster" and "cluster" or "patroni") or "{}") .. "\n"
    end
    applet:set_status(code)
    applet:add_header("content-type", "application/json")
    applet:add_header("content-length", tostring(#body))
    applet:start_response()
    applet:send(body)
end)
