-- What this HAProxy tells the other nodes, and its own agent-checks: does PostgreSQL fit a pool?

local NODE = os.getenv("PAF_NODE")

local ROUND = 10 -- ms between two looks of a reply that waits for a primary
local SOON = 30 -- ms, if PostgreSQL is down
local IDLE_ROUND = 100 -- ms, if no change is expected
local OWN_ROUND = 250 -- ms, the same for this HAProxy's own agent-checks: what goes down is told at once (apply)
local DOWN_FOR = 60 -- s, then a PostgreSQL that is down is no longer expected back any moment
local TELL_WITHIN = 900 -- ms that an answer on the role port may wait for a change
local TELL_ITSELF_WITHIN = 2400 -- ms, to this HAProxy's own agent-checks; "timeout check" is longer
local SETTLED = 2 -- s after a change, or after an asker's first question, with answers at once
local REMEMBERED = 3 -- s, then whoever asks again may have been restarted: it is new
local ASKERS = 1000 -- most that are remembered
local LONGEST = 400 -- characters of a question: the pool, the node, and which process asks

local FITS = { prod = "production", stdby = "standby" }

-- The weight takes a standby that lags out of stdby; its sessions go on. PostgreSQL's own word that it
-- accepts no connection (57P03) closes both pools.
local function fit(pool)
    if not pool or FITS[pool] ~= paf.role() or paf.refusing() then
        return "down\n"
    elseif pool == "stdby" and paf.on_probation() then
        return "down\n"
    end
    if pool == "stdby" and paf.MAX_LAG > 0 then
        return paf.lagging and "up 0%\n" or "up 100%\n"
    end
    return "up\n"
end

-- A server that must not serve any more is closed at once: HAProxy's agent-check may be between two questions.
function paf.apply(node)
    for _, pool in ipairs({ "prod", "stdby" }) do
        local server = core.proxies[pool].servers[node]
        local word = node == NODE and fit(pool) or node ~= NODE and paf.fit_of(pool, node)
        if server and word == "down\n" then
            server:agent_force_down()
        end
    end
end

-- What a question is answered. node: the server's, in a question of this HAProxy's own agent-check.
local function answer(pool, node)
    if node and node ~= NODE then
        return paf.fit_of(pool, node, true)
    end
    return fit(pool)
end

-- Whether HAProxy does not yet act on an "up": a server that was armed is down until it hears that again.
local function unheard(pool, node, word)
    if not (node and pool == "prod" and paf.expecting and word and word:find("^up")) then
        return false
    end
    local status = core.proxies[pool].servers[node]:get_stats()["status"]
    return not status:find("^UP") and not status:find("MAINT", 1, true)
end

local told, askers = {}, 0 -- by who asks what: the last answer, when, and since when it asks

-- Whoever has only just begun to ask was started anew, and still learns whom to lead where: what it
-- was told before it had learnt it does not count for it.
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

-- HAProxy's agent-check protocol. If the answer has not changed, the reply waits for a change (long
-- polling): the others hear of it at once, and ask seldom otherwise.
--
-- "prod" and "stdby" ask for this node; "prod@srv2" is what this HAProxy's own agent-check asks (others.lua).
core.register_service("role", "tcp", function(applet)
    local question = applet:getline():sub(1, LONGEST)
    local pool, node = question:match("^(%a+)@?([^ \n]*)")
    if pool == "facts" or pool == "view" then
        applet:send(pool == "facts" and paf.tell() or paf.view())
        return
    end
    if pool == "slots" then
        applet:send((paf.grant(question, applet.f:src()) or "-") .. "\n")
        return
    end
    node = node ~= "" and node or nil
    local asker = applet.f:src() .. " " .. question
    local known, patience = answer(pool, node), 0
    if not known or paf.ignorant() or core.now().sec - paf.changed_at() > SETTLED and knows(asker, known) then
        patience = known and node and TELL_ITSELF_WITHIN or TELL_WITHIN
    end
    while patience > 0 and answer(pool, node) == known and not unheard(pool, node, known) do
        local soon = not known or pool == "prod" and (paf.armed or paf.expecting)
        local back = paf.role() == "down" and (not node or node == NODE)
            and core.now().sec - paf.changed_at() < DOWN_FOR
        local round = soon and ROUND or back and SOON or node and OWN_ROUND or IDLE_ROUND
        core.msleep(round)
        patience = patience - round
    end
    known = answer(pool, node) or "down\n"
    remember(asker, known)
    applet:send(known)
end)
