-- The hold. Server `hold` of prod, and of replication, takes one connection, and hold.lua keeps that connection: a client
-- that comes while there is no primary finds server `hold` full and waits in the queue of the pool, from which HAProxy
-- itself hands it to the next server that comes up.

-- Addresses by pool; empty without a hold.
local DOORS = {
    prod = os.getenv("PAF_HOLD"),
    replication = os.getenv("PAF_HOLD_REPLICATION"),
}
local BEGIN_WITHIN = 1000 -- ms for the hold to be there
local ROUND = 10 -- ms between two looks for it
local PASSWORD = "hold\n"
local FAREWELL = "end\n" -- HAProxy 3.0.11 tells the other end of no close by a process that finishes

-- Whether the place of a pool is taken; true for a pool that a template of one's own does not have.
local function taken(pool)
    local proxy = core.proxies[pool]
    local server = proxy and proxy.servers["hold"]
    return not server or server:get_stats()["scur"] > 0
end

local function keep_one(pool, place)
    if place and taken(pool) and place:send("\n") then -- so that it is never idle
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

-- Takes the places that are not taken. places: by pool, what the last call returned, or nil. That of replication, where
-- a refused walreceiver comes again by itself, is looked at in every fifth call only, for the CPU that it takes.
local function keep(places)
    local kept = {}
    calls = calls + 1
    for pool in pairs(DOORS) do
        local place = places and places[pool]
        if not place or pool == "prod" or calls % 5 == 0 then
            local _, found = paf.try(keep_one, pool, place)
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

-- What server `hold` leads to. A client that gets here in a moment without a holder is refused.
core.register_service("lobby", "tcp", function(applet)
    if applet:receive(#PASSWORD) == PASSWORD then
        repeat
            local line = applet:getline()
        until not line or line == "" or line == FAREWELL
    end
end)

-- The first connection to a process that has just begun waits until the places are taken.
core.register_action("begin", { "tcp-req" }, function(txn)
    local patience = BEGIN_WITHIN
    while not (taken("prod") and taken("replication")) and patience > 0 do
        core.msleep(ROUND)
        patience = patience - ROUND
    end
    txn:set_var("proc.begun", true)
end)

paf.hold = { keep = keep, leave = leave }
