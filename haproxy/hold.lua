-- The hold: clients wait while there is no primary.
--
-- Server `hold` of prod, and of replication, takes one connection, and this file keeps that connection (the place). A
-- client that comes while there is no primary finds server `hold` full, and waits in the queue of the pool. HAProxy
-- itself hands it to the next server that comes up.

-- Addresses by pool; empty without a hold.
local DOORS = {
    prod = os.getenv("PAF_HOLD"),
    replication = os.getenv("PAF_HOLD_REPLICATION"),
}
local BEGIN_WITHIN = 1000 -- ms for the places to be taken
local ROUND = 50 -- ms between two looks whether they are
local PASSWORD = "hold\n"
local FAREWELL = "end\n" -- HAProxy 3.0.11: if a process finishes, the other end is not told of the close

-- Whether the place of a pool is taken; true if the template of an administrator lacks the pool.
local function taken(pool)
    local proxy = core.proxies[pool]
    local server = proxy and proxy.servers["hold"]
    return not server or server:get_stats()["scur"] > 0
end

-- used: whether to send something now, so that the connection does not become idle.
local function keep_one(pool, place, used)
    if place and taken(pool) and (not used or place:send("\n")) then
        return place
    end
    if place then
        place:close()
    end
    if not core.proxies[pool] then
        return nil
    end
    place = core.tcp()
    if not place:connect(DOORS[pool]) then
        place:close()
        return nil
    end
    place:send(PASSWORD)
    return place
end

local calls = 0

-- Takes the places that are free. places: by pool, what the last call returned, or nil. To save CPU, only every fifth
-- call looks at the place of replication and uses the connections: a walreceiver that is refused tries again by itself.
local function keep(places)
    local kept = {}
    calls = calls + 1
    for pool in pairs(DOORS) do
        local place = places and places[pool]
        local fifth = calls % 5 == 0
        if not place or pool == "prod" or fifth then
            local _, found = paf.try(keep_one, pool, place, fifth)
            place = found
        end
        kept[pool] = place
    end
    return kept
end

local function leave_one(place)
    place:send(FAREWELL)
    place:close()
end

local function leave(places)
    for _, place in pairs(places) do
        paf.try(leave_one, place)
    end
end

-- Behind server `hold`. A client that gets here while the place is free is refused.
core.register_service("lobby", "tcp", function(applet)
    if applet:receive(#PASSWORD) == PASSWORD then
        repeat
            local line = applet:getline()
        until not line or line == "" or line == FAREWELL
    end
end)

-- Whether a server of a pool is up, so that a client does not need the hold.
local function leads(pool)
    for name, server in pairs(core.proxies[pool] and core.proxies[pool].servers or {}) do
        if name ~= "hold" and server:get_stats()["status"]:find("^UP") then
            return true
        end
    end
    return false
end

-- The first connections to a process that has just begun wait until the places are taken. After a reload, most need not
-- wait: the process before has handed on that a primary is up. An action that sleeps loses its wake-up if HAProxy
-- does not run for as long as the sleep lasts (HAProxy 2.6, hlua.c: the clock is set after the action has yielded). It
-- then waits until the inspect-delay.
core.register_action("begin", { "tcp-req" }, function(txn)
    local patience = BEGIN_WITHIN
    while not (taken("prod") and taken("replication")) do
        if patience <= 0 then
            break
        elseif leads(txn.f:fe_name()) then
            return
        end
        core.msleep(ROUND)
        patience = patience - ROUND
    end
    txn:set_var("proc.begun", true)
end)

paf.hold = { keep = keep, leave = leave }
