-- The hold. Server `hold` of prod takes one connection, and this one has it for good: whoever comes
-- while there is no primary finds it full and waits in prod's queue, from which HAProxy itself hands
-- him to the next server that comes up.

local HOLD = os.getenv("PAF_HOLD") -- address of prod's side door, or nil without a hold
local BEGIN_WITHIN = 1000 -- ms for the hold to be there
local ROUND = 10 -- ms between two looks for it
local PASSWORD = "hold\n"
local FAREWELL = "end\n" -- HAProxy 3.0.11 tells the other end of no close by a process that finishes

local function taken()
    return core.proxies["prod"].servers["hold"]:get_stats()["scur"] > 0
end

local function keep(place)
    if not HOLD then
        return nil
    end
    if place and taken() and place:send("\n") then -- so that it is never idle
        return place
    end
    if place then
        place:close()
    end
    place = core.tcp()
    if not place:connect(HOLD) then
        place:close()
        return nil
    end
    place:send(PASSWORD)
    return place
end

local function leave(place)
    place:send(FAREWELL)
    place:close()
end

-- What server `hold` leads to. A client who got here in a moment without a holder is turned away.
core.register_service("lobby", "tcp", function(applet)
    if applet:receive(#PASSWORD) == PASSWORD then
        repeat
            local line = applet:getline()
        until not line or line == "" or line == FAREWELL
    end
end)

-- Who comes first of all, to a process that has just begun, waits until the place is taken.
core.register_action("begin", { "tcp-req" }, function(txn)
    local patience = BEGIN_WITHIN
    while not taken() and patience > 0 do
        core.msleep(ROUND)
        patience = patience - ROUND
    end
    txn:set_var("proc.begun", true)
end)

paf.hold = { keep = keep, leave = leave }
