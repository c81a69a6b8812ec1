-- What HAProxy needs to know of PostgreSQL's role, and what it tells the others.
--
-- One session to the local instance (session.lua) stays open and is asked pg_is_in_recovery(). There
-- is always a question under way, so the end of the session tells a stop at once; and a full
-- max_connections or a slow fork cannot be taken for a dead PostgreSQL.

local NODE = os.getenv("PAF_NODE")

local ARMED_INTERVAL = 10 -- ms between two questions while a promotion is expected
local ROUND = 10 -- ms between two looks of whoever waits for a primary
local IDLE_ROUND = 100 -- ms, where none is expected
local RETRY_INTERVAL = 30 -- ms between two attempts to reach PostgreSQL, or two looks at one that is down
local ANSWER_WITHIN = 5 -- s without any answer, then PostgreSQL counts as down

local TELL_WITHIN = 900 -- ms that an answer on the role port may wait for a change
local SETTLED = 2 -- s after a change, or after somebody's first question, with answers at once
local REMEMBERED = 3 -- s, then whoever asks again may have been restarted: he is new
local ASKERS = 1000 -- most that are remembered
local PROBATION = 2 -- s that a standby which was down leaves readers to the others
local LONGEST = 64 -- characters of a question: the pool, and which process asks

local postgres = "down" -- the local instance's own word: production, standby or down
local born = os.time() -- s
local changed = 0 -- s, when it last changed; at first an answer waits for the first word
local missed = false -- whether this process has found it down since
local returned = 0 -- s, since when it is a standby on probation; 0: it is not
local armed = false -- whether a promotion of the local instance is expected

-- Whether Pacemaker's word, as the agent wrote it into this HAProxy, lets the local server into prod.
local function admitted()
    local server = core.proxies["prod"].servers[NODE]
    return server ~= nil and not server:get_stats()["status"]:find("MAINT", 1, true)
end

local function learn(role)
    if role ~= "down" and missed then
        returned = role == "standby" and core.now().sec or 0
    end
    missed = role == "down"
    if role ~= postgres then
        core.log(core.notice, "PostgreSQL on " .. NODE .. " is " .. role .. ", was " .. postgres)
        postgres = role
        changed = core.now().sec
        paf.publish()
    end
end

local function others_serve()
    for name, server in pairs(core.proxies["stdby"].servers) do
        local stats = server:get_stats()
        if name ~= NODE and stats["status"]:find("^UP") and stats["weight"] > 0 then
            return true
        end
    end
    return false
end

-- PAF starts a standby that has crashed, stops it, and starts it for good; a reader need not be there
-- for that if another standby serves. A probation that has ended does not come back.
function paf.on_probation()
    if returned > 0 and (core.now().sec > returned + PROBATION or not others_serve()) then
        returned = 0
    end
    return returned > 0
end

core.register_task(function()
    local session, role, why, place, _
    local answered = core.now().sec
    -- A process that was told to finish must not be kept alive by this session.
    while core.get_info()["Stopping"] == 0 do
        _, place = paf.try(paf.hold.keep, place)
        armed = postgres == "standby" and admitted()
        role, session, why = paf.session.inquire(session, armed)
        if role then
            answered = core.now().sec
            learn(role)
        elseif why == paf.session.TOO_MANY_CONNECTIONS then
            answered = core.now().sec
        elseif why ~= "timeout" or core.now().sec - answered > ANSWER_WITHIN then
            learn("down")
        end
        paf.watch()
        if role and not armed and core.now().sec >= paf.asked + paf.EVERY then
            local fine, kept = paf.try(paf.session.ask_facts, session)
            if not (fine and kept) then
                paf.try(session.close, session)
                session = nil
            end
        end
        if armed or not role then
            core.msleep(role and ARMED_INTERVAL or RETRY_INTERVAL)
        end
    end
    if place then
        paf.try(paf.hold.leave, place)
    end
    if session then
        paf.try(session.close, session)
    end
end)

local FITS = { prod = "production", stdby = "standby" }

-- The weight takes a standby that lags out of stdby; its sessions go on.
local function fit(pool)
    if not pool or FITS[pool] ~= postgres or pool == "stdby" and paf.on_probation() then
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
    if pool == "slots" then
        applet:send((paf.grant(question, applet.f:src()) or "-") .. "\n")
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
