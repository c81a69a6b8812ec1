-- What the other nodes' HAProxys say of their PostgreSQL, and what is left of it if they fall silent.
--
-- This HAProxy asks each of them over the network (the role port), at its own pace, and its agent-checks
-- ask here: a network that is slow costs a delay, and no answer.
--
-- A node whose HAProxy is silent keeps its place in stdby; the plain check sees whether PostgreSQL
-- answers. Its place in prod it keeps only while it is certain that PostgreSQL there has not been started
-- anew since the last "up": a postmaster that has left recovery is a primary until it ends. For that, this
-- HAProxy holds a connection to it that says nothing (a strand): PostgreSQL ends it with the postmaster.
-- A strand that ends, or one failed plain check, ends the trust. Then only the agent can restore it, with
-- Pacemaker's word that came after (vouch, lib/paf_haproxy/monitor.py).

local NODE = os.getenv("PAF_NODE")
local ROLE_PORT = tonumber(os.getenv("PAF_ROLE_PORT"))
local INTERVAL = tonumber(os.getenv("PAF_CHECK_INTERVAL") or 50) -- ms
local MEMORY = os.getenv("PAF_MEMORY") and os.getenv("PAF_MEMORY") .. "/silent" -- for the agent, and for the next process
local VOUCHED = os.getenv("PAF_VOUCHED") -- by the agent: the node and the strands that it vouches for

local CONNECT_WITHIN = 2 -- s for another node
local ANSWER_WITHIN = 4 -- s; an answer may wait for a change for 0.9 s
local FRESH = 2 -- s, then an answer is no longer trusted
local ASKED = 3 -- s since HAProxy asked for a server: one in maintenance is not asked for
local ROUND = 100 -- ms between two looks whether a server that is not asked for is asked for now
local GUARD_ROUND = 200 -- ms
-- ms, while a server of prod is silent or not up: less than "downinter", so that a failed check is not missed.
local CLOSE_ROUND = 50
local RETRY = 100 -- ms after the first failure; more after each further one
local MOST_RETRY = 1000 -- ms
local STRAND = 8 -- s; PostgreSQL's authentication_timeout must be longer
local OVERLAP = 3 -- s between the beginnings of two strands
local REPORT = 1 -- s between two reports of a silent node
local INHERITED = 5 -- s that a trust of the process before this one is good for

local ID = "x" .. (tostring({}):match("(%x+)$") or "") .. os.time()
local born = os.time()

local words = { prod = {}, stdby = {} } -- by pool and node
local guards = {} -- by node, what there is instead of a word

local function seconds()
    local now = core.now()
    return now.sec + now.usec / 1000000
end

local function word(pool, node)
    words[pool][node] = words[pool][node] or { at = 0, asked = 0, failures = 0 }
    return words[pool][node]
end

local function fresh(one)
    return one.at > 0 and one.failures == 0 and seconds() - one.at <= FRESH
end

-- nil: it has not been asked yet.
local function fit(pool, node)
    local one = word(pool, node)
    if one.at == 0 and one.failures == 0 then
        return nil
    elseif fresh(one) then
        return one.answer
    end
    if pool == "prod" then
        return guards[node] and (guards[node].trusted and "up\n" or "down\n")
    end
    if one.answer then
        return one.answer
    end
    local primary = paf.settled()
    local checked = core.proxies[pool].servers[node]:get_stats()["check_status"]
    return primary and primary ~= node and checked and checked:find("OK$") and "up\n" or "down\n"
end

-- The answer to this HAProxy's agent-check for the server of another node; asked: whether it is that.
function paf.fit_of(pool, node, asked)
    if not words[pool] or not core.proxies[pool].servers[node] then
        return "down\n"
    elseif asked then
        word(pool, node).asked = seconds()
    end
    return fit(pool, node)
end

-- The nodes whose HAProxy is asked, but does not answer.
function paf.silent()
    local found = {}
    for _, name in ipairs(paf.nodes()) do
        for pool in pairs(words) do
            local one = words[pool][name]
            if one and seconds() - one.asked <= ASKED and one.failures > 1 and found[#found] ~= name then
                found[#found + 1] = name
            end
        end
    end
    return found
end

local function inquire(pool, node)
    local server = core.proxies[pool].servers[node]
    local session = core.tcp()
    session:settimeout(CONNECT_WITHIN)
    local host = server:get_addr():match("^%[?(.-)%]?:%d+$")
    local line
    if host and session:connect(host, ROLE_PORT) then
        session:settimeout(ANSWER_WITHIN)
        session:send(pool .. " " .. ID .. "\n")
        line = session:receive("*l")
    end
    session:close()
    return line
end

local on_change -- below

local function watch(pool, node)
    local one = word(pool, node)
    while core.get_info()["Stopping"] == 0 do
        if seconds() - one.asked > ASKED then
            core.msleep(ROUND)
        else
            local began = seconds()
            local _, line = paf.try(inquire, pool, node)
            local wait
            if line and line:find("^up") or line and line:find("^down") then
                local before = one.answer
                one.answer, one.at, one.failures = line .. "\n", seconds(), 0
                if one.answer ~= before then
                    on_change(node)
                end
                wait = INTERVAL - (seconds() - began) * 1000
            else
                one.failures = one.failures + 1
                wait = math.min(MOST_RETRY, RETRY * one.failures)
            end
            core.msleep(math.max(1, math.floor(wait)))
        end
    end
end

local function plain_check(server)
    local stats = server:get_stats()
    local status = stats["check_status"] or ""
    local failing = status:find("CON$") or status:find("TOUT$") or status:find("STS$")
        or status:find("RSP$") or status:find("ERR$")
    return failing ~= nil, (stats["chkfail"] or 0) + (stats["hanafail"] or 0), stats["status"]
end

-- One connection to PostgreSQL that says nothing, for STRAND s. If it ends before that, PostgreSQL has ended
-- it, or cannot be reached.
local function hold(strands, host, port)
    local began = seconds()
    local connection = core.tcp()
    connection:settimeout(CONNECT_WITHIN)
    if not connection:connect(host, port) then
        strands.broken = true
        return
    end
    strands.since = strands.since or seconds()
    connection:settimeout(STRAND)
    local said = connection:receive(1)
    connection:close()
    if said or seconds() - began < STRAND - 1 then
        strands.broken = true
    end
end

local serial = 0
local closely = false -- whether a server of prod is silent

local function alive(strands)
    return strands ~= nil and not strands.broken and seconds() - strands.begun < STRAND - OVERLAP / 2
end

-- Sees that there is always a strand, and that it overlaps the one before it.
local function tie(guard, server)
    local before = guard.strands
    if before and before.broken and seconds() - before.begun < MOST_RETRY / 1000 then
        return
    end
    if not alive(guard.strands) then
        serial = serial + 1
        guard.strands = { id = born .. "-" .. serial, begun = 0 }
    end
    local strands = guard.strands
    if seconds() - strands.begun > OVERLAP then
        strands.begun = seconds()
        local host, port = server:get_addr():match("^%[?(.-)%]?:(%d+)$")
        core.register_task(function()
            if not host or not paf.try(hold, strands, host, tonumber(port)) then
                strands.broken = true
            end
        end)
    end
end

local function vouched(guard, node)
    local strands = guard.strands
    return strands.since and alive(strands) and paf.read_file(VOUCHED) == node .. " " .. strands.id .. "\n"
end

local function tell(guard, node)
    local strands = guard.strands
    local tied = strands.since and alive(strands) and math.floor(seconds() - strands.since) or 0
    paf.write_file(MEMORY, string.format("%s %s %s %d %d\n", node, guard.trusted and "trusted" or "unknown",
        strands.id, tied, os.time()))
end

local function close(guard, node, why)
    guard.trusted = false
    guard.strands = nil -- what the agent vouches for next must have begun after this
    core.log(core.warning, "HAProxy on " .. node .. " does not answer, and " .. why
        .. ": new connections to prod wait until it answers or Pacemaker confirms the primary")
    paf.apply(node)
end

local function judge(guard, node, server)
    local now, one = seconds(), word("prod", node)
    if now - one.asked > ASKED then
        -- A standby's. If Pacemaker promotes it, the strands tell that PostgreSQL has not been started anew.
        guard.trusted, guard.silent = false, not fresh(word("stdby", node))
        if guard.silent then
            tie(guard, server)
        end
        return
    elseif one.at == 0 and one.failures == 0 then
        return -- it has not been asked yet
    end
    local failing, failures, status = plain_check(server)
    -- Agent-checks go on in maintenance, so that a node which is about to be promoted is known already.
    local admitted = not status:find("MAINT", 1, true)
    paf.expecting = paf.expecting or admitted and not status:find("^UP")
    if fresh(one) then
        guard.trusted, guard.silent = one.answer == "up\n", false
        guard.failures, guard.at = failures, now
        return
    end
    if guard.trusted then
        if failing or failures ~= guard.failures then
            close(guard, node, "PostgreSQL there did not answer a check")
        elseif guard.silent and not alive(guard.strands) then
            close(guard, node, "PostgreSQL there has closed a connection")
        elseif not guard.silent and now - guard.at > FRESH + 1 then
            close(guard, node, "this node's HAProxy was not running for a while")
        end
    end
    guard.since = guard.silent and guard.since or now
    guard.silent, guard.failures = true, failures
    closely = closely or admitted
    tie(guard, server)
    if not guard.trusted and not failing and vouched(guard, node) then
        guard.trusted = true
    end
    if admitted and one.failures > 0 and now - guard.since >= REPORT and now - (guard.told or 0) >= REPORT then
        if guard.trusted and (guard.told or 0) < guard.since then
            core.log(core.warning, "HAProxy on " .. node .. " does not answer; new connections to prod are led there"
                .. " while PostgreSQL has not been started anew")
        end
        guard.told = now
        tell(guard, node)
    end
end

-- What the process before this one was certain of a moment ago.
local function inherited(node)
    local name, state, at = paf.read_file(MEMORY):match("^(%S+) (%l+) %S+ %d+ (%d+)\n")
    local age = name == node and state == "trusted" and os.time() - tonumber(at)
    return age and age >= 0 and age <= INHERITED
end

local function guard_of(node, server)
    local _, failures = plain_check(server)
    return { trusted = inherited(node), failures = failures, at = seconds() }
end

-- A word that has changed is acted on at once.
function on_change(node)
    local server = core.proxies["prod"].servers[node]
    guards[node] = guards[node] or guard_of(node, server)
    paf.try(judge, guards[node], node, server)
    paf.apply(node)
end

core.register_task(function()
    for _, node in ipairs(paf.nodes()) do
        if node ~= NODE then
            for pool in pairs(words) do
                core.register_task(function()
                    watch(pool, node)
                end)
            end
        end
    end
    while core.get_info()["Stopping"] == 0 do
        local own = core.proxies["prod"].servers[NODE]
        local status = own and own:get_stats()["status"] or "MAINT"
        paf.expecting, closely = not status:find("^UP") and not status:find("MAINT", 1, true), false
        for _, node in ipairs(paf.nodes()) do
            local server = core.proxies["prod"].servers[node]
            local asked = node ~= NODE and math.max(word("prod", node).asked, word("stdby", node).asked)
            if asked and seconds() - asked <= ASKED then
                guards[node] = guards[node] or guard_of(node, server)
                paf.try(judge, guards[node], node, server)
            else
                guards[node] = nil
            end
        end
        core.msleep((paf.expecting or closely) and CLOSE_ROUND or GUARD_ROUND)
    end
end)
