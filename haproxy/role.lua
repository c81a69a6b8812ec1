-- The role of the local PostgreSQL.
--
-- One session to the local instance (session.lua) stays open and is asked pg_is_in_recovery(). Only a
-- PostgreSQL that does not listen is down. All else that prevents an answer (a refused login, no free
-- connection slot, a cancelled query, silence) makes the role unknown: the last confirmed one stays
-- valid for as long as the same postmaster listens. A postmaster that has left recovery is a primary
-- until it ends, so that cannot become wrong in the dangerous direction.

local NODE = os.getenv("PAF_NODE")
local MEMORY = os.getenv("PAF_MEMORY") and os.getenv("PAF_MEMORY") .. "/role" -- what the process before this one had confirmed
local CONFIRMED = os.getenv("PAF_CONFIRMED") -- what the agent has confirmed, as a superuser
local ROLE_FILE = os.getenv("PAF_ROLE_FILE")

local IDLE_ROUND = 200 -- ms between two looks at the sessions
local WATCH_ROUND = 30 -- ms, while something is about to happen
local PATIENCE = 0.5 -- s for an answer, then another session is tried beside the one that stands
local ARMED_PATIENCE = 0.1 -- s, the same while a promotion is expected
local MOST_SESSIONS = 3 -- at a time, those without an answer included
local REPORT_AFTER = 1 -- s without an answer, then the role is reported as unknown

-- ms between two attempts to reach PostgreSQL, by why the last one failed.
local SOON, LATER, SELDOM = 30, 200, 1000
local ABSENT_FOR = 60 -- s, then a PostgreSQL that does not run is looked for seldom
local REFUSED_FOR = 5 -- s, then a login that is refused is tried seldom

local PROBATION = 2 -- s that a standby which was down leaves readers to the others

local postgres = "unknown" -- the confirmed role of the local instance: production, standby, down or unknown
local bound -- the postmaster that confirmed it, or nil
local born = os.time() -- s
local changed = 0 -- s, when it last changed; 0: not known yet
local missed = false -- whether this process has found it down since
local returned = 0 -- s, since when it is a standby on probation; 0: it is not
local reason -- why PostgreSQL gave no answer last: code and text; nil if it did
local logged = {} -- the codes that have been logged since the last answer
local answered = 0 -- s, when PostgreSQL answered last
local absent_since, refused_since -- s, or nil
local settled -- Pacemaker's word in the role file: the primary's node, or nil; read while the role is unknown

paf.armed = false -- whether a promotion of the local instance is expected

local function seconds()
    local now = core.now()
    return now.sec + now.usec / 1000000
end

-- Whether Pacemaker's word, as the agent wrote it into this HAProxy, lets the local server into prod.
local function admitted()
    local server = core.proxies["prod"].servers[NODE]
    return server ~= nil and not server:get_stats()["status"]:find("MAINT", 1, true)
end

function paf.read_file(path)
    local file = path and io.open(path)
    if not file then
        return ""
    end
    local text = file:read(4096) or ""
    file:close()
    return text
end

-- The state directory belongs to root; this one file in it is HAProxy's own.
function paf.write_file(path, text)
    local file = path and io.open(path, "w")
    if file then
        file:write(text)
        file:close()
    end
end

-- The primary by Pacemaker's word, nil if none is known or a change of it is announced.
function paf.settled()
    local text = paf.read_file(ROLE_FILE)
    if text:find("\ncandidate=\n", 1, true) and text:find("\nleaving=\n", 1, true) then
        return text:match("\nprimary=([^\n]+)\n")
    end
end

-- The role to publish. Without a confirmed one, Pacemaker's information says who is a standby. Who is the
-- primary it does not say: that may be old news, and a write must not reach a standby.
function paf.role()
    if postgres == "unknown" and reason and settled and settled ~= NODE then
        return "standby"
    end
    return postgres
end

-- Why the role cannot be asked for, in words, or nil; and the code of that.
function paf.unknown()
    if not reason or reason.code == "absent" or seconds() - answered < REPORT_AFTER then
        return nil
    end
    local text = reason.text ~= "" and ": " .. reason.text or ""
    return reason.code .. text .. "; to mend it: " .. paf.session.remedy(reason.code), reason.code
end

local function learn(role, postmaster)
    if role ~= "unknown" then
        if role ~= "down" and missed then
            returned = role == "standby" and core.now().sec or 0
        end
        missed = role == "down"
    end
    if postmaster and (postmaster ~= bound or role ~= postgres) then
        paf.write_file(MEMORY, role .. " " .. postmaster .. "\n")
    end
    bound = postmaster
    if role ~= postgres then
        core.log(core.notice, "PostgreSQL on " .. NODE .. " is " .. role .. ", was " .. postgres)
        postgres = role
        paf.apply(NODE)
        paf.publish()
        changed = core.now().sec
    end
    changed = changed == 0 and core.now().sec or changed
end

-- What is known of the postmaster that listens now: from this process, the one before it, or the agent.
local function recall()
    local postmaster = paf.session.listening()
    settled = paf.settled()
    if not postmaster then
        return -- it cannot be told apart: the last confirmed role stays
    end
    local known
    for _, path in ipairs({ MEMORY, CONFIRMED }) do
        local role, of = paf.read_file(path):match("^(%l+) (%d+)\n")
        if of == postmaster and (role == "production" or role == "standby" and not known) then
            known = role
        end
    end
    if known == "production" or known and postgres ~= "production" or postmaster ~= bound then
        if known then
            learn(known, postmaster)
        elseif postgres ~= "down" or reason.code ~= "57P03" and reason.code ~= "timeout" then
            learn("unknown")
        end
    end
end

local function report()
    local why, code = paf.unknown()
    if why and code ~= "57P03" and not logged[code] then
        logged[code] = true
        core.log(core.warning, "PostgreSQL on " .. NODE .. " does not tell its role, which stays "
            .. paf.role() .. ": " .. why)
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

local stopping = false
local talks = {} -- the sessions that are asked, or wait to be let in
local current -- the one that answered last
local next_try = 0 -- s

local function on_answer(talk, role)
    talk.heard = seconds()
    if talk.abandoned then
        return
    end
    if current and current ~= talk then
        current.abandoned = true
        core.log(core.notice, "PostgreSQL on " .. NODE .. " did not answer; it is asked on a new session")
    end
    current = talk
    talk.lived = true
    answered = talk.heard
    if reason and next(logged) then
        core.log(core.notice, "PostgreSQL on " .. NODE .. " tells its role again: " .. role)
    end
    reason, logged, absent_since, refused_since = nil, {}, nil, nil
    learn(role, talk.postmaster)
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

local function on_failure(talk, why)
    if current and current ~= talk and not talk.abandoned and why.code ~= "absent" then
        -- The session that stands may answer yet.
        reason = reason or why
        return
    end
    reason = why
    if why.code == "absent" then
        learn("down")
    elseif why.code ~= "closed" and not why.code:find("^57P0[12]") then
        recall()
    end
end

local begin

function begin()
    local talk = { heard = seconds() }
    talks[talk] = true
    talk.wanted = function()
        return not (stopping or talk.abandoned)
    end
    talk.answered = function(role)
        on_answer(talk, role)
    end
    talk.failed = function(why)
        talk.heard = seconds()
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
        if stopping or talk.abandoned then
            return
        end
        on_failure(talk, why)
        local wait = pause(why, seconds(), talk.lived)
        next_try = seconds() + wait / 1000
        if wait == 0 then
            begin() -- a PostgreSQL that has stopped is known as such at once
        end
    end)
end

-- Whether a session is under way that may answer soon.
local function asking()
    local now = seconds()
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
    local place, _
    local here = core.proxies["prod"].servers[NODE] ~= nil
    if not here then
        learn("down") -- parameter nodes says that no PostgreSQL runs on this node
    end
    answered = seconds()
    -- A process that was told to finish must not be kept alive by its sessions.
    while core.get_info()["Stopping"] == 0 do
        _, place = paf.try(paf.hold.keep, place)
        paf.armed = postgres == "standby" and admitted()
        if here and not asking() then
            begin()
        end
        if reason then
            report()
        end
        paf.watch()
        core.msleep((paf.armed or reason) and not (absent_since and seconds() - absent_since > ABSENT_FOR)
            and WATCH_ROUND or IDLE_ROUND)
    end
    stopping = true
    if place then
        paf.try(paf.hold.leave, place)
    end
end)

-- Whether PostgreSQL itself says that it accepts no connection: it starts, recovers or shuts down.
function paf.refusing()
    return reason ~= nil and reason.code == "57P03"
end

-- Since when the role has been as it is, s; 0: this process has not heard of it yet.
function paf.changed_at()
    return changed
end

-- Since when, s.
function paf.changed()
    return math.max(changed, born)
end

-- Whether this process has heard nothing yet: it tells nobody that PostgreSQL is down before that.
function paf.ignorant()
    return changed == 0 and not reason
end
