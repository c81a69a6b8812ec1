-- Whether the PostgreSQL of another node fits prod and stdby, by what that node's HAProxy answers (node_question.lua).
--
-- This HAProxy's own agent-checks ask this file: so a slow network delays an answer, and no agent-check fails because
-- of it.
--
-- If a node's HAProxy is silent, the node keeps its place in stdby, where the plain check sees whether PostgreSQL
-- answers. silent_node.lua decides on its place in prod.

local FRESH = 2 -- s; an older answer is not used
local ASKED_WITHIN = 3 -- s since the last agent-check of a server; after that, its node is not asked either

-- By node: its last answers by pool, when they came, failures since then, and when an agent-check asked last, by pool.
local records = {}

local function record(node)
    records[node] = records[node] or { answers = {}, at = 0, failures = 0, asked = { prod = 0, stdby = 0 } }
    return records[node]
end

-- Whether agent-checks ask for the server of a pool.
local function asked(pool, node)
    return paf.seconds() - record(node).asked[pool] <= ASKED_WITHIN
end

-- The same, for either pool.
local function wanted(node)
    return asked("prod", node) or asked("stdby", node)
end

-- Whether a node has answered or failed to.
local function tried(node)
    return record(node).at > 0 or record(node).failures > 0
end

local function failing(node)
    return record(node).failures > 0
end

-- The answer of a node; nil if it is too old or the node is silent.
local function fresh(pool, node)
    local it = record(node)
    return it.failures == 0 and paf.seconds() - it.at <= FRESH and it.answers[pool] or nil
end

-- The answer that is in force for a node; nil if there is none yet.
local function fit(pool, node)
    local answer = fresh(pool, node)
    if answer or not tried(node) then
        return answer
    elseif pool == "prod" then
        local trusted = paf.trusted(node)
        return trusted and "up\n" or trusted == false and "down\n" or nil
    elseif record(node).answers[pool] then
        return record(node).answers[pool]
    end
    local stats = core.proxies[pool].servers[node]:get_stats()
    if stats["status"]:find("^UP") and not paf.check_fails(stats) then
        return "up\n" -- the process before the reload had it up, and silence does not mean that it is down
    end
    local primary = paf.memory.settled_primary()
    local checked = stats["check_status"]
    return primary and primary ~= node and checked and checked:find("OK$") and "up\n" or "down\n"
end

-- The answer for the server of another node. checking: whether this HAProxy's agent-check asks.
function paf.fit_of(pool, node, checking)
    if not core.proxies[pool] or not core.proxies[pool].servers[node] then
        return "down\n"
    elseif checking then
        record(node).asked[pool] = paf.seconds()
    end
    local returning = pool == "stdby" and paf.returning(node)
    return returning and "down\n" or fit(pool, node)
end

-- The nodes whose HAProxy is asked and does not answer.
function paf.silent()
    local found = {}
    for _, node in ipairs(paf.nodes()) do
        if wanted(node) and record(node).failures > 1 then
            found[#found + 1] = node
        end
    end
    return found
end

-- Takes in the answer for a pool; nil: the node did not answer. Returns the number of failures since the last answer.
local function learn(node, pool, answer)
    local it = record(node)
    if not answer then
        it.failures = it.failures + 1
        return it.failures
    end
    local changed = it.answers[pool] ~= answer .. "\n"
    it.answers[pool], it.at, it.failures = answer .. "\n", paf.seconds(), 0
    if changed then
        paf.on_change(node)
    end
    return 0
end

paf.others = { asked = asked, wanted = wanted, tried = tried, failing = failing, fresh = fresh, learn = learn }
