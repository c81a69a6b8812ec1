-- Asks the local PostgreSQL for its role, on a session that stays open (postgres_session.lua).
--
-- If an answer is late, a second session is tried beside the first. The first one stays open: if all connection slots
-- are taken, a second login fails.

local NODE = os.getenv("PAF_NODE")

local IDLE_ROUND = 200 -- ms between two looks at the sessions
local WATCH_ROUND = 30 -- ms, the same while a promotion is expected or PostgreSQL does not answer
local PATIENCE = 0.5 -- s for an answer, then another session is tried
local ARMED_PATIENCE = 0.1 -- s, the same while a promotion is expected
local MOST_SESSIONS = 3 -- at a time, including those without an answer

-- ms between two attempts to log in. Which one holds depends on why the last attempt failed.
local SOON, LATER, SELDOM = 30, 200, 1000
local ABSENT_FOR = 60 -- s that PostgreSQL has not run; then attempts are SELDOM
local REFUSED_FOR = 5 -- s that the login has been refused; then attempts are SELDOM

paf.armed = false -- whether a promotion of the local instance is expected

local stopping = false
local talks = {} -- the sessions that are open or log in
local current -- the one that answered last
local next_try = 0 -- s
local absent_since, refused_since -- s, or nil

-- Whether the agent has put the local server of prod into service, by Pacemaker's notifications.
local function admitted()
    local server = core.proxies["prod"].servers[NODE]
    return server ~= nil and not server:get_stats()["status"]:find("MAINT", 1, true)
end

local function on_answer(talk, role)
    talk.heard = paf.seconds()
    if talk.abandoned then
        return
    end
    if current and current ~= talk then
        current.abandoned = true
        core.log(core.notice, "PostgreSQL on " .. NODE .. " did not answer; it is asked on a new session")
    end
    current = talk
    talk.lived = true
    absent_since, refused_since = nil, nil
    paf.clear_reason(role)
    paf.set_role(role, talk.postmaster)
end

local function on_failure(talk, why)
    if current and current ~= talk and not talk.abandoned and why.code ~= "absent" then
        paf.set_reason(paf.reason or why) -- the session that is open may still answer
        return
    end
    paf.set_reason(why)
    if why.code == "absent" then
        paf.set_role("down")
    elseif why.code ~= "closed" and not why.code:find("^57P0[12]") then
        paf.recall_role()
    end
end

-- ms until the next attempt. lived: whether the session that ended had been answered.
local function pause(why, now, lived)
    if why.code == "absent" then
        absent_since = absent_since or now
        return now - absent_since > ABSENT_FOR and SELDOM or SOON
    end
    absent_since = nil
    if why.code == "closed" or why.code:find("^57P0") then
        return lived and 0 or SOON
    elseif why.code == "53300" or why.code == "timeout" or why.code == "busy" then
        return LATER
    end
    refused_since = refused_since or now
    return now - refused_since > REFUSED_FOR and SELDOM or LATER
end

local function begin()
    local talk = { heard = paf.seconds() }
    talks[talk] = true
    talk.wanted = function()
        return not (stopping or talk.abandoned)
    end
    talk.answered = function(role)
        on_answer(talk, role)
    end
    talk.failed = function(why)
        talk.heard = paf.seconds()
        on_failure(talk, why)
    end
    talk.facts = function()
        return current == talk and not paf.armed and core.now().sec >= paf.asked + paf.EVERY
    end
    core.register_task(function()
        local fine, why = paf.try(paf.session.converse, talk)
        why = fine and why or { code = "closed", text = "" }
        talks[talk] = nil
        if current == talk then
            current = nil
        end
        if not talk.wanted() then
            return
        end
        on_failure(talk, why)
        local wait = pause(why, paf.seconds(), talk.lived)
        next_try = paf.seconds() + wait / 1000
        if wait == 0 then
            begin() -- at once: a PostgreSQL that has stopped must be found down without delay
        end
    end)
end

-- Whether no further session is needed now.
local function asking()
    local now = paf.seconds()
    local patience = paf.armed and current and ARMED_PATIENCE or PATIENCE
    local count = 0
    for talk in pairs(talks) do
        count = count + 1
        if not talk.abandoned and now - talk.heard <= patience then
            return true
        end
    end
    return count >= MOST_SESSIONS or now < next_try
end

core.register_task(function()
    local places, _
    local here = core.proxies["prod"].servers[NODE] ~= nil
    if not here then
        paf.set_role("down") -- parameter nodes does not contain this node: it has no PostgreSQL
    end
    -- A process that was told to finish must close its sessions: they would keep it alive.
    while not paf.stopping() do
        _, places = paf.try(paf.hold.keep, places)
        paf.armed = paf.confirmed_role() == "standby" and admitted()
        if here and not asking() then
            begin()
        end
        if paf.reason then
            paf.report_unknown()
        end
        paf.watch()
        local long_absent = absent_since and paf.seconds() - absent_since > ABSENT_FOR
        core.msleep((paf.armed or paf.reason) and not long_absent and WATCH_ROUND or IDLE_ROUND)
    end
    stopping = true
    if places then
        paf.try(paf.hold.leave, places)
    end
end)
