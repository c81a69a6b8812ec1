-- How clients that wait for a primary are let through when it returns. All at once they would flood PostgreSQL, and
-- beyond max_connections they would be refused. So the limit of a server of prod begins at FIRST connections. While
-- clients wait, each node asks the primary's node how many more it may let through. The limit is lifted as soon as
-- no client waits.

local NODE = os.getenv("PAF_NODE")
local ROLE_PORT = tonumber(os.getenv("PAF_ROLE_PORT"))
local FULL = tonumber(os.getenv("PAF_SERVER_MAXCONN")) -- the limit of a server otherwise
local HOLD_TIMEOUT = tonumber(os.getenv("PAF_HOLD_TIMEOUT") or "0") -- ms

-- Connections that each node lets through before it has asked. Few: HAProxy up to 3.0 does not count them in the
-- limit of the server (its issue 2744), so that so many more are let through than are granted.
local FIRST = 2
local ROUND = 50 -- ms between two looks
local LIFTED_ROUND = 300 -- ms, the same while a primary is there; no return of one is as fast
local ANSWER_WITHIN = 1 -- s
local FRESH = 0.03 -- s that an answer of PostgreSQL is good for
local WAIT = 2 -- ms between two looks whether another node's answer has come
local PATIENCE = 1 -- s without any answer; then FIRST connections more are let through in each round
local REMEMBERED = 1 -- s that a node is taken to have the connections that it told of

local function clock()
    local now = core.now()
    return now.sec + now.usec / 1000000
end

local slots, looked = nil, 0 -- what PostgreSQL answered last, and when
local asked = 0 -- s, since when it is asked; 0: it is not
local askers = {} -- by node: address, connections that it has or was granted, when

-- How many connections PostgreSQL does not count yet, because they have not logged in. What a node told is compared
-- with what PostgreSQL has from its address; several nodes may have the same one.
local function unseen(now)
    local told, hidden = {}, 0
    for _, asker in pairs(askers) do
        if now - asker.at <= REMEMBERED then
            told[asker.address] = (told[asker.address] or 0) + asker.connections
        end
    end
    for address, connections in pairs(told) do
        hidden = hidden + math.max(0, connections - (slots.from[address] or 0))
    end
    return hidden
end

-- The answer to "slots NODE CONNECTIONS WAITING", asked from an address: how many more connections the node may let
-- through to the local PostgreSQL; nil if that is not known. Half of what is free: other nodes ask as well, and have
-- let through FIRST connections before they did.
function paf.grant(question, address)
    local name, connections, waiting = question:match("^slots (%S+) (%d+) (%d+)")
    if not name or paf.role() ~= "production" then
        return nil
    end
    -- It may be asked for another node: that answer is good for this one. Not for ever: HAProxy ends the service of a
    -- node that has disconnected, in the middle of the question.
    while asked > 0 and math.abs(clock() - asked) < ANSWER_WITHIN do
        core.msleep(WAIT)
    end
    if math.abs(clock() - looked) > FRESH then
        asked = clock()
        local _, answer = paf.try(paf.session.ask_slots)
        slots, looked, asked = answer, clock(), 0
    end
    local now = clock()
    if not slots then
        return nil
    end
    address = address:gsub("^::ffff:", "")
    local asker = { address = address, connections = tonumber(connections) + FIRST, at = now }
    askers[name] = asker
    local free = slots.free - unseen(now)
    local granted = math.max(0, math.min(tonumber(waiting), math.ceil(free / 2)))
    asker.connections = asker.connections + granted
    return granted
end

-- Asks the HAProxy on the node of a server; nil if it gives no answer.
local function ask(server, connections, waiting)
    local host = server:get_addr():match("^%[?(.-)%]?:%d+$")
    if not host then
        return nil
    end
    local session = core.tcp()
    session:settimeout(ANSWER_WITHIN)
    local line
    if session:connect(host, ROLE_PORT) then
        session:send("slots " .. NODE .. " " .. connections .. " " .. waiting .. "\n")
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
    since = since > 0 and since or clock()
    lifted = pool["qcur"] == 0 or clock() - since > HOLD_TIMEOUT / 1000
    for name, server in pairs(servers()) do
        local stats = server:get_stats()
        if lifted then
            limit(name, server, FULL)
        elseif stats["status"]:find("^UP") then
            local connections = stats["scur"]
            local _, more = paf.try(ask, server, connections, pool["qcur"])
            more = more or clock() - since > PATIENCE and FIRST or 0
            limit(name, server, connections + more)
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
