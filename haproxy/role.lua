-- What HAProxy needs to know of PostgreSQL's role, and what keeps the hold's place taken.
--
-- One session to the local instance stays open and is asked pg_is_in_recovery(). There is always a
-- question under way, so the end of the session tells a stop at once; and a full max_connections or
-- a slow fork cannot be taken for a dead PostgreSQL.

local NODE = os.getenv("PAF_NODE")
local ADDRESS = os.getenv("PAF_PGSOCKET")
local HOLD = os.getenv("PAF_HOLD") -- address of prod's side door, or nil without a hold

local ARMED_INTERVAL = 10 -- ms between two questions while a promotion is expected
local BEGIN_WITHIN = 1000 -- ms for the hold to be there
local ROUND = 10 -- ms between two looks of whoever waits for a primary
local IDLE_ROUND = 100 -- ms, where none is expected
local RETRY_INTERVAL = 30 -- ms between two attempts to reach PostgreSQL, or two looks at one that is down
local PATIENCE = 0.5 -- s for an answer, then another session is tried
local ARMED_PATIENCE = 0.1 -- s, the same on a session that stands: a promotion must not wait for it
local ANSWER_WITHIN = 5 -- s without any answer, then PostgreSQL counts as down

local SSL_NEVER_PROTOCOL_3 = 196608
local TOO_MANY_CONNECTIONS = "53300" -- it answers, and its role is what it was
local STARTUP = "user\0" .. os.getenv("PAF_PGUSER")
    .. "\0database\0" .. os.getenv("PAF_PGDATABASE")
    .. "\0application_name\0paf-haproxy\0\0"
local QUESTION = "SELECT pg_catalog.pg_is_in_recovery()\0"
-- The same, answered a moment later: PostgreSQL does the waiting.
local LATER = "SELECT pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_sleep(0.2)\0"

local TELL_WITHIN = 900 -- ms that an answer on the role port may wait for a change
local SETTLED = 2 -- s after a change, or after somebody's first question, with answers at once
local REMEMBERED = 3 -- s, then whoever asks again may have been restarted: he is new
local ASKERS = 1000 -- most that are remembered
local LONGEST = 64 -- characters of a question: the pool, and which process asks

local postgres = "down" -- the local instance's own word: production, standby or down
local born = os.time() -- s
local changed = 0 -- s, when it last changed; at first an answer waits for the first word
local armed = false -- whether a promotion of the local instance is expected

-- Messages of PostgreSQL's protocol 3.0 (PostgreSQL documentation, "Message Formats").

local function send(session, kind, body)
    session:send(kind .. string.pack(">I4", #body + 4) .. body)
end

-- Why nothing came. HAProxy itself calls it closed, too, when the patience is at its end.
local function reason(began, patience, why)
    local now = core.now()
    local waited = now.sec - began.sec + (now.usec - began.usec) / 1000000
    return waited > patience / 2 and "timeout" or why
end

-- Reads up to ReadyForQuery, with so much patience for each part; returns the messages by their
-- type, or nil and the SQLSTATE or reason.
local function read(session, patience)
    session:settimeout(patience)
    local messages = {}
    local began = core.now()
    while true do
        local header, why = session:receive(5)
        if not header or #header < 5 then
            return nil, reason(began, patience, why)
        end
        local kind, length = string.unpack(">c1I4", header)
        local body = ""
        if length > 4 then
            body, why = session:receive(length - 4)
        end
        if not body then
            return nil, reason(began, patience, why)
        end
        if kind == "E" then
            return nil, body:match("C(%w%w%w%w%w)\0") or "error"
        end
        messages[kind] = body
        if kind == "Z" then
            return messages
        end
    end
end

local function open()
    local session = core.tcp()
    session:settimeout(PATIENCE)
    if not session:connect(ADDRESS) then
        session:close()
        return nil, "closed"
    end
    send(session, "", string.pack(">I4", SSL_NEVER_PROTOCOL_3) .. STARTUP)
    local ready, why = read(session, PATIENCE)
    if not ready then
        session:close()
        return nil, why
    end
    return session
end

local function ask(session, question, patience)
    send(session, "Q", question)
    local answer, why = read(session, patience)
    if not answer or not answer["D"] then
        return nil, why
    end
    return answer["D"]:sub(-1) == "t" and "standby" or "production"
end

-- Whether Pacemaker's word, as the agent wrote it into this HAProxy, lets the local server into prod.
local function admitted()
    local server = core.proxies["prod"].servers[NODE]
    return server ~= nil and not server:get_stats()["status"]:find("MAINT", 1, true)
end

local function learn(role)
    if role ~= postgres then
        core.log(core.notice, "PostgreSQL on " .. NODE .. " is " .. role .. ", was " .. postgres)
        postgres = role
        changed = core.now().sec
        paf.publish()
    end
end

-- The columns of a DataRow as text, nil for a NULL.
local function columns(body)
    local found = {}
    local count, at = string.unpack(">I2", body)
    for number = 1, count do
        local length
        length, at = string.unpack(">i4", body, at)
        if length >= 0 then
            found[number] = body:sub(at, at + length - 1)
            at = at + length
        end
    end
    return found
end

-- What only facts.lua needs, on a session that stands. Returns whether that is still of use.
local function ask_facts(session)
    paf.asked = core.now().sec
    send(session, "Q", paf.QUESTION)
    local answer = read(session, PATIENCE)
    paf.learn(answer and answer["D"] and columns(answer["D"]))
    return answer ~= nil
end

-- One answer, on the session that stands or on a new one; nil, a closed session and why if neither
-- gives any.
local function inquire(session, question)
    local role, why
    if session then
        role, why = ask(session, question, armed and ARMED_PATIENCE or PATIENCE)
        if role then
            return role, session
        end
        session:close()
        if why == "timeout" then
            core.log(core.notice, "PostgreSQL on " .. NODE .. " does not answer; asking on a new session")
        end
    end
    session, why = open()
    if not session then
        return nil, nil, why
    end
    role, why = ask(session, QUESTION, PATIENCE)
    if not role then
        session:close()
        return nil, nil, why
    end
    return role, session
end

-- The hold. Server `hold` of prod takes one connection, and this one has it for good: whoever comes
-- while there is no primary finds it full and waits in prod's queue, from which HAProxy itself hands
-- him to the next server that comes up.
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

core.register_task(function()
    local session, role, why, place
    local answered = core.now().sec
    -- A process that was told to finish must not be kept alive by this session.
    while core.get_info()["Stopping"] == 0 do
        place = keep(place)
        armed = postgres == "standby" and admitted()
        role, session, why = inquire(session, armed and QUESTION or LATER)
        if role then
            answered = core.now().sec
            learn(role)
        elseif why == TOO_MANY_CONNECTIONS then
            answered = core.now().sec
        elseif why ~= "timeout" or core.now().sec - answered > ANSWER_WITHIN then
            learn("down")
        end
        paf.watch()
        if role and not armed and core.now().sec >= paf.asked + paf.EVERY then
            if not ask_facts(session) then
                session:close()
                session = nil
            end
        end
        if armed or not role then
            core.msleep(role and ARMED_INTERVAL or RETRY_INTERVAL)
        end
    end
    if place then
        place:send(FAREWELL)
    end
    for _, open_one in pairs({ session, place }) do
        open_one:close()
    end
end)

local FITS = { prod = "production", stdby = "standby" }

-- The weight takes a standby that lags out of stdby; its sessions go on.
local function fit(pool)
    if not pool or FITS[pool] ~= postgres then
        return "down\n"
    end
    if pool == "stdby" and paf.MAX_LAG > 0 then
        return paf.lagging and "up 0%\n" or "up 100%\n"
    end
    return "up\n"
end

function paf.role()
    return postgres
end

-- Since when, s.
function paf.changed()
    return math.max(changed, born)
end

local told, askers = {}, 0 -- by who asks what: the last answer, when, and since when he asks

-- Whoever has only just begun to ask was started anew, and still learns whom to lead where: what he
-- was told before he had learnt it does not count for him.
local function knows(asker, answer)
    local last, now = told[asker], core.now().sec
    return last and last.answer == answer and now - last.at <= REMEMBERED and now - last.since > SETTLED
end

local function remember(asker, answer)
    local last, now = told[asker], core.now().sec
    if not last then
        if askers >= ASKERS then
            told, askers = {}, 0
        end
        askers = askers + 1
    end
    local since = last and now - last.at <= REMEMBERED and last.since or now
    told[asker] = { answer = answer, at = now, since = since }
end

-- HAProxy's agent-check protocol. An answer that would be no news waits for some: the others hear of
-- a change at once, and ask seldom otherwise.
core.register_service("role", "tcp", function(applet)
    local question = applet:getline():sub(1, LONGEST)
    local pool = question:match("^%a+")
    if pool == "facts" or pool == "view" then
        applet:send(pool == "facts" and paf.tell() or paf.view())
        return
    end
    local asker = applet.f:src() .. " " .. question
    local known, patience = fit(pool), 0
    -- Before PostgreSQL's first word, nobody is told that it is down.
    if changed == 0 or core.now().sec - changed > SETTLED and knows(asker, known) then
        patience = TELL_WITHIN
    end
    while patience > 0 and fit(pool) == known do
        local round = armed and ROUND or postgres == "down" and RETRY_INTERVAL or IDLE_ROUND
        core.msleep(round)
        patience = patience - round
    end
    remember(asker, fit(pool))
    applet:send(fit(pool))
end)
