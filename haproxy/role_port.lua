-- Answers the questions on the role port: of other nodes' HAProxys, and of this HAProxy's own agent-checks.

local NODE = os.getenv("PAF_NODE")

-- ms between two looks while a reply is delayed (long polling):
local ROUND = 10 -- while a primary is expected
local SOON = 30 -- while PostgreSQL is down
local IDLE_ROUND = 100 -- otherwise
local OWN_ROUND = 500 -- otherwise, for this HAProxy's own agent-checks: apply() tells them "down" at once
local DOWN_FOR = 60 -- s; a PostgreSQL that is down for longer is not expected back soon
local DELAY = 900 -- ms, the longest delay of a reply on the role port
local OWN_DELAY = 2400 -- ms, the same for this HAProxy's own agent-checks; less than "timeout check"
local SETTLED = 2 -- s after a change, or after the first question of an asker: no reply is delayed
local REMEMBERED = 3 -- s; an asker that asks again after more than that may be a new process
local ASKERS = 1000 -- most that are remembered
local LONGEST = 400 -- characters of a question: the pool, the node, and which process asks

local FITS = { prod = "production", stdby = "standby" }

-- Whether the local PostgreSQL fits a pool, as an answer. If it refuses connections (57P03), it fits none. A standby
-- that lags gets weight 0 in stdby: no new readers, and its sessions go on.
local function fit(pool)
    if FITS[pool] ~= paf.role() or paf.refusing() then
        return "down"
    elseif pool == "stdby" and paf.on_probation() or pool == "prod" and paf.recovering() then
        return "down"
    end
    if pool == "stdby" and paf.MAX_LAG > 0 then
        return paf.lagging and "up 0%" or "up 100%"
    end
    return "up"
end

-- The answer to a question. pools: "prod", "stdby", or both with a comma; the answers then have a semicolon. node: the
-- server's, in a question of this HAProxy's own agent-check. checking: whether the agent-check asks.
local function answer(pools, node, checking)
    if node and node ~= NODE then
        return paf.fit_of(pools, node, checking)
    end
    local first, second = pools:match("^(%a*),?(%a*)")
    return fit(first) .. (second ~= "" and ";" .. fit(second) or "") .. "\n"
end

-- Marks the servers of a node down that may not serve any more: the next agent-check would be later.
function paf.apply(node)
    for _, pool in ipairs({ "prod", "stdby" }) do
        local server = core.proxies[pool].servers[node]
        if server and answer(pool, node) == "down\n" then
            server:agent_force_down()
        end
    end
end

-- Whether HAProxy must hear an "up" once more: a server that was armed stays down until the next agent-check.
local function unheard(pool, node, known)
    if not (node and pool == "prod" and paf.expecting and known and known:find("^up")) then
        return false
    end
    local status = core.proxies[pool].servers[node]:get_stats()["status"]
    return not status:find("^UP") and not status:find("MAINT", 1, true)
end

local told, askers = {}, 0 -- by asker and question: the last answer, when it was given, and since when it asks

-- Whether an asker has the present answer already. An asker that began a moment ago may have been restarted: its new
-- process lacks the servers' states at first, so it does not use the first answers, and its replies are not delayed.
local function knows(asker, known)
    local last, now = told[asker], core.now().sec
    return last and last.answer == known and now - last.at <= REMEMBERED and now - last.since > SETTLED
end

local function remember(asker, known)
    local last, now = told[asker], core.now().sec
    if not last then
        if askers >= ASKERS then
            told, askers = {}, 0
        end
        askers = askers + 1
    end
    local since = last and now - last.at <= REMEMBERED and last.since or now
    told[asker] = { answer = known, at = now, since = since }
end

-- ms until the next look.
local function round(pools, node, known)
    if not known or pools:find("prod", 1, true) and (paf.armed or paf.expecting) then
        return ROUND
    end
    local here = not node or node == NODE
    if here and paf.role() == "down" and core.now().sec - paf.changed_at() < DOWN_FOR then
        return SOON
    end
    return node and OWN_ROUND or IDLE_ROUND
end

-- HAProxy's agent-check protocol with long polling: if the answer has not changed, the reply is delayed until it does.
-- So a change is told at once, and an asker asks seldom. pool, node: of the question. asker: its address and question.
local function reply(pool, node, asker)
    local known, delay = answer(pool, node, true), 0
    if not known or paf.ignorant() or core.now().sec - paf.changed_at() > SETTLED and knows(asker, known) then
        delay = known and node and OWN_DELAY or DELAY
    end
    while delay > 0 and answer(pool, node, true) == known and not unheard(pool, node, known) do
        local wait = round(pool, node, known)
        core.msleep(wait)
        delay = delay - wait
    end
    known = answer(pool, node, true) or "down\n"
    remember(asker, known)
    return known
end

-- Another node asks "prod,stdby" (other_nodes.lua), an older agent "prod" or "stdby". This HAProxy's own agent-checks ask
-- "prod@srv2" and the like. If a question ends with "keep", the answer has one more semicolon, and the next question
-- comes on the same connection.
core.register_service("role", "tcp", function(applet)
    local keep
    repeat
        local question = applet:getline():sub(1, LONGEST)
        local pool, node = question:match("^([%a,]*)@?([^ \n]*)")
        if question == "" then
            return
        elseif pool == "facts" or pool == "view" then
            applet:send(pool == "facts" and paf.tell(question:find("^facts more")) or paf.view())
            return
        elseif pool == "slots" then
            applet:send((paf.grant(question, applet.f:src()) or "-") .. "\n")
            return
        end
        local known = reply(pool, node ~= "" and node or nil, applet.f:src() .. " " .. question)
        keep = question:find(" keep\n$") and not paf.stopping()
        applet:send(keep and known:gsub("\n", ";\n") or known)
    until not keep
end)
