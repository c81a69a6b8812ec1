-- How clients that wait for a primary are let through when it returns. All at once they would flood PostgreSQL, and
-- beyond max_connections they would be refused. So the limit of a server of prod begins at FIRST connections. While
-- clients wait, the primary's node is asked how many connections PostgreSQL still accepts, and each node raises its
-- limit by a part of that. The limit is lifted as soon as no client waits.

local NODE = os.getenv("PAF_NODE")
local ROLE_PORT = tonumber(os.getenv("PAF_ROLE_PORT"))
local FULL = tonumber(os.getenv("PAF_SERVER_MAXCONN")) -- the limit of a server otherwise
local HOLD_TIMEOUT = tonumber(os.getenv("PAF_HOLD_TIMEOUT") or "0") -- ms

local FIRST = 5 -- connections that each node lets through before it has asked
local ROUND = 100 -- ms between two looks
local LIFTED_ROUND = 300 -- ms, the same while a primary is there; no return of one is as fast
-- A client that was let through a moment ago may not count in PostgreSQL yet: the nodes together take at most half of
-- what is free in one round.
local PART = 2
local ANSWER_WITHIN = 1 -- s
local FRESH = 0.05 -- s that an answer of PostgreSQL is good for

local slots = { at = 0 }

-- How many connections the local PostgreSQL still accepts from ordinary users, or nil.
function paf.slots()
    if paf.role() ~= "production" then
        return nil
    end
    local now = core.now()
    local time = now.sec + now.usec / 1000000
    if math.abs(time - slots.at) > FRESH then
        slots.at = time
        slots.free = paf.session.ask_slots()
    end
    return slots.free
end

local function ask(name, server)
    if name == NODE then
        return paf.slots()
    end
    local host = server:get_addr():match("^%[?(.-)%]?:%d+$")
    if not host then
        return nil
    end
    local session = core.tcp()
    session:settimeout(ANSWER_WITHIN)
    local line
    if session:connect(host, ROLE_PORT) then
        session:send("slots\n")
        line = session:receive("*l")
    end
    session:close()
    return tonumber(line or "")
end

local limits = {} -- by server: what this file has set

local function limit(name, server, most)
    most = math.max(1, math.min(most, FULL))
    if limits[name] ~= most then
        limits[name] = most
        server:set_maxconn(tostring(most))
    end
end

local function servers()
    local found = {}
    for name, server in pairs(core.proxies["prod"].servers) do
        if name ~= "hold" then
            found[name] = server
        end
    end
    return found
end

-- How many more connections this node may let through. free: what PostgreSQL still accepts, or nil if unknown.
local function more(free)
    if not free then
        return FIRST
    end
    local names, turn = {}, nil
    for name in pairs(servers()) do
        names[#names + 1] = name
    end
    table.sort(names)
    for index, name in ipairs(names) do
        turn = name == NODE and index or turn
    end
    local nodes = turn and #names or #names + 1
    local part = math.floor(free / (PART * nodes))
    if part == 0 and free > 0 then -- the last ones: one node after the other
        local now = core.now()
        local round = math.floor((now.sec * 1000 + now.usec / 1000) / ROUND)
        part = round % nodes + 1 == (turn or nodes) and 1 or 0
    end
    return part
end

local lifted = false -- whether the servers have their full limits
local since = 0 -- s, when the primary returned

local function look()
    local pool = core.proxies["prod"]:get_stats()
    if pool["act"] == 0 then
        lifted, since = false, 0
        for name, server in pairs(servers()) do
            limit(name, server, server:get_stats()["scur"] + FIRST)
        end
        return
    end
    if lifted then
        return
    end
    since = since > 0 and since or core.now().sec
    lifted = pool["qcur"] == 0 or core.now().sec - since > HOLD_TIMEOUT / 1000
    for name, server in pairs(servers()) do
        if lifted then
            limit(name, server, FULL)
        else
            local stats = server:get_stats()
            if stats["status"]:find("^UP") then
                local _, free = paf.try(ask, name, server)
                limit(name, server, server:get_stats()["scur"] + more(free))
            end
        end
    end
end

if HOLD_TIMEOUT > 0 then
    core.register_task(function()
        while core.get_info()["Stopping"] == 0 do
            paf.try(look)
            core.msleep(lifted and LIFTED_ROUND or ROUND)
        end
    end)
end
