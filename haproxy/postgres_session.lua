-- One session to the local PostgreSQL, over its Unix socket.

local ADDRESS = os.getenv("PAF_PGSOCKET")
local SOCKET = ADDRESS:gsub("^unix@", "")

local LOGIN_WITHIN = 5 -- s
-- s for an answer. HAProxy closes a socket after that time. If all connection slots are taken, a closed session cannot
-- be replaced, so this is long; role_probe.lua tries a second session much earlier.
local ANSWER_WITHIN = 60
local ARMED_INTERVAL = 10 -- ms between two questions while a promotion is expected
local AFTER_ERROR = 200 -- ms

local QUESTION = "SELECT pg_catalog.pg_is_in_recovery()"
-- PostgreSQL itself waits before it answers: its end is noticed at once only while a question is under way.
local LATER = "SELECT pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_sleep(0.2)"

-- The inode number of the socket that PostgreSQL listens on; nil if there is none (proc(5), /proc/net/unix). It
-- identifies the postmaster: after a restart, PostgreSQL has a socket with another number.
local function listening()
    local file = io.open("/proc/net/unix")
    if not file then
        return nil
    end
    local found
    local wanted = SOCKET:gsub("^/var/run/", "/run/")
    for line in file:lines() do
        local flags, number, path = line:match("^%x+: %x+ %x+ (%x+) %x+ %x+ +(%d+) (.+)$")
        if path and flags == "00010000" and path:gsub("^/var/run/", "/run/") == wanted then
            found = number
        end
    end
    file:close()
    return found
end

-- Logs in. within: s. Returns the session, nil, and the postmaster (listening()), nil if it is not certain; or nil and
-- the reason.
local function open(within)
    local session = core.tcp()
    session:settimeout(within)
    if not session:connect(ADDRESS) then
        session:close()
        if listening() then
            return nil, { code = "busy", text = "PostgreSQL listens, but accepts no connection" }
        end
        return nil, { code = "absent", text = "nothing listens on " .. SOCKET }
    end
    local before = listening() -- if this postmaster ends now, the session ends
    local began = core.now().sec
    local row, why = paf.protocol.login(session)
    if not row then
        session:close()
        if why.code == "closed" and core.now().sec - began >= within - 1 then
            why = { code = "timeout", text = "no answer to a login within " .. within .. " s" }
        end
        return nil, why
    end
    local postmaster = before == listening() and before or nil
    session:settimeout(ANSWER_WITHIN)
    paf.protocol.set_later_settings(session)
    return session, nil, postmaster
end

-- Returns the role; or nil, the reason, and whether the session can still be used.
local function ask(session, question)
    local row, why, usable = paf.protocol.query(session, question)
    if not row then
        return nil, why, usable
    elseif not row[1] then
        return nil, { code = "error", text = "PostgreSQL sent no row" }, true
    end
    return row[1] == "t" and "standby" or "production"
end

-- Asks for what replication_facts.lua needs. Returns whether the session can still be used.
local function ask_facts(session)
    paf.note_question()
    local row, _, usable = paf.protocol.query(session, paf.QUESTION)
    paf.learn_facts(row and row[1] and row)
    return row ~= nil or usable
end

-- Asks for the role on one session for as long as talk.wanted(). A question is always under way, so that the end of
-- the session tells at once that PostgreSQL has stopped. Each answer is passed to talk.answered(role), each failure to
-- talk.failed(why). Returns why the session has ended.
local function converse(talk)
    local session, why, postmaster = open(LOGIN_WITHIN)
    if not session then
        return why
    end
    talk.postmaster = postmaster
    local question = QUESTION
    while talk.wanted() do
        local role, reason, usable = ask(session, question)
        if role then
            talk.answered(role)
            if talk.facts() and not ask_facts(session) then
                session:close()
                return { code = "closed", text = "the session ended" }
            end
        elseif usable then
            talk.failed(reason)
            core.msleep(AFTER_ERROR)
        else
            session:close()
            return reason
        end
        if paf.armed then
            core.msleep(ARMED_INTERVAL)
        end
        question = paf.armed and QUESTION or LATER
    end
    session:close()
    return { code = "closed", text = "" }
end

paf.session = { open = open, converse = converse, listening = listening }
