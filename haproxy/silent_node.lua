-- A node whose HAProxy is silent: whether prod still sends connections to it.
--
-- A postmaster that has left recovery stays a primary until it ends. So the last "up" of the node's HAProxy is trusted
-- for as long as PostgreSQL there has not been restarted since: no guard connection (guard_connection.lua) has ended, and no plain
-- check has failed. After that, only the agent can restore the trust: it vouches for the node if Pacemaker confirms the
-- primary (vouch, lib/paf_haproxy/actions/reconcile.py).

local NODE = os.getenv("PAF_NODE")
-- The silent node and its chain of guard connections. HAProxy writes this file, for the agent and for the next process.
local MEMORY = os.getenv("PAF_MEMORY") and os.getenv("PAF_MEMORY") .. "/silent"
local VOUCHED = os.getenv("PAF_VOUCHED") -- the node and the chain that the agent vouches for

local ROUND = 200 -- ms
-- ms, the same while a server of prod is silent or not up. Less than "downinter": no failed check may be missed.
local CLOSE_ROUND = 50
local REPORT = 1 -- s between two reports of a silent node
local INHERITED = 5 -- s for which the trust of the previous process is valid
local UNOBSERVED = 3 -- s without a look at a node; then this HAProxy was stopped for a while

paf.expecting = false -- whether a server that the agent has put into prod is not up

local watched = {} -- by node: trusted, silent, and what is needed to judge
local closely = false -- whether a node that the agent has put into prod is silent

-- Whether the plain check of a server is failing, how many have failed altogether, and the status of the server.
local function plain_check(server)
    local stats = server:get_stats()
    return paf.check_fails(stats), (stats["chkfail"] or 0) + (stats["hanafail"] or 0), stats["status"]
end

-- Whether the previous process trusted the node a moment ago.
local function inherited(node)
    local name, state, at = paf.read_file(MEMORY):match("^(%S+) (%l+) .* (%d+)\n")
    local age = name == node and state == "trusted" and os.time() - tonumber(at)
    return age and age >= 0 and age <= INHERITED
end

local function watch(node, server)
    if not watched[node] then
        local _, failures = plain_check(server)
        watched[node] = { trusted = inherited(node), failures = failures, looked = paf.seconds() }
    end
    return watched[node]
end

-- Whether the agent vouches for the present chain.
local function vouched(it, node)
    return paf.guard.age(it.chain) and paf.read_file(VOUCHED) == node .. " " .. it.chain.id .. "\n"
end

local function remember(it, node)
    paf.write_file(MEMORY, string.format("%s %s %s %d %s %d\n", node, it.trusted and "trusted" or "unknown",
        it.chain.id, math.floor(paf.guard.age(it.chain) or 0), it.chain.standby and "standby" or "any", os.time()))
end

local function distrust(it, node, why)
    it.trusted = false
    it.chain = nil -- the agent can vouch only for a chain that begins after this
    core.log(core.warning, "HAProxy on " .. node .. " does not answer, and " .. why
        .. ": new connections to prod wait until HAProxy there answers or Pacemaker confirms the primary")
    paf.apply(node)
end

-- Logs the silence once, and writes the file for the agent.
local function report(it, node)
    if it.trusted and (it.reported or 0) < it.since then
        core.log(core.warning, "HAProxy on " .. node .. " does not answer; new connections to prod still go there,"
            .. " until PostgreSQL there ends or fails a check")
    end
    it.reported = paf.seconds()
    remember(it, node)
end

-- Whether a node says that its PostgreSQL is a standby. A chain that begins then tells, after a promotion, that
-- PostgreSQL has not been restarted since before it.
local function standby(node)
    return (paf.others.fresh("stdby", node) or ""):find("^up") ~= nil
end

-- Whether a node is a standby that the agent has put into prod: its HAProxy may fall silent before it is promoted.
local function armed(node, status)
    return status:find("^DOWN") and standby(node)
end

local function judge(it, node, server)
    local now = paf.seconds()
    if not paf.others.asked("prod", node) then
        -- A standby. If Pacemaker promotes it later, its chain tells that PostgreSQL has not been restarted since.
        it.trusted, it.silent = false, not paf.others.fresh("stdby", node)
        if it.silent then
            it.chain = paf.guard.extend(it.chain, server)
        end
        return
    elseif not paf.others.tried(node) then
        return
    end
    local failing, failures, status = plain_check(server)
    -- A server in maintenance has agent-checks, too: a node that is about to be promoted is already known.
    local admitted = not status:find("MAINT", 1, true)
    paf.expecting = paf.expecting or admitted and not status:find("^UP")
    local answer = paf.others.fresh("prod", node)
    if answer then
        it.trusted, it.silent = answer == "up\n", false
        it.failures, it.looked = failures, now
        if armed(node, status) then
            it.chain = paf.guard.extend(it.chain, server, true)
        end
        return
    end
    if it.trusted then
        if failing or failures ~= it.failures then
            distrust(it, node, "PostgreSQL there did not answer a check")
        elseif it.silent and not paf.guard.alive(it.chain) then
            distrust(it, node, "PostgreSQL there has closed a connection")
        elseif not it.silent and now - it.looked > UNOBSERVED then
            distrust(it, node, "this node's HAProxy was not running for a while")
        end
    end
    it.since = it.silent and it.since or now
    it.silent, it.failures = true, failures
    closely = closely or admitted
    it.chain = paf.guard.extend(it.chain, server)
    if not it.trusted and not failing and vouched(it, node) then
        it.trusted = true
    end
    if admitted and paf.others.failing(node) and now - it.since >= REPORT
        and now - (it.reported or 0) >= REPORT then
        report(it, node)
    end
end

local function look(node)
    local server = core.proxies["prod"].servers[node]
    paf.try(judge, watch(node, server), node, server)
end

-- Whether prod may send connections to a node whose HAProxy is silent; nil if that is not known yet.
function paf.trusted(node)
    return watched[node] and watched[node].trusted
end

-- The answer of a node has changed: acts on it at once.
function paf.on_change(node)
    look(node)
    paf.apply(node)
end

core.register_task(function()
    while not paf.stopping() do
        local own = core.proxies["prod"].servers[NODE]
        local status = own and own:get_stats()["status"] or "MAINT"
        paf.expecting, closely = not status:find("^UP") and not status:find("MAINT", 1, true), false
        for _, node in ipairs(paf.nodes()) do
            if node ~= NODE and paf.others.wanted(node) then
                look(node)
            else
                watched[node] = nil
            end
        end
        core.msleep((paf.expecting or closely) and CLOSE_ROUND or ROUND)
    end
end)
