-- Asks the other nodes' HAProxys whether their PostgreSQL fits a pool.
--
-- This HAProxy asks each of them on the role port. Its own agent-checks ask this file: so a slow network delays an
-- answer, and no agent-check fails because of it.
--
-- If a node's HAProxy is silent, the node keeps its place in stdby, where the plain check sees whether PostgreSQL
-- answers. silent.lua decides on its place in prod.

local NODE = os.getenv("PAF_NODE")
local INTERVAL = tonumber(os.getenv("PAF_CHECK_INTERVAL") or 50) -- ms

local CONNECT_WITHIN = 2 -- s for another node
local ANSWER_WITHIN = 4 -- s; another node may delay an answer by 0.9 s (long polling)
local FRESH = 2 -- s; an older answer is not used
local ASKED_WITHIN = 3 -- s since the last agent-check of a server; after that, its node is not asked either
local ROUND = 100 -- ms between two looks whether there are agent-checks
local RETRY = 100 -- ms after the first failure; after each further one, as many more
local MOST_RETRY = 1000 -- ms

local ID = "x" .. (tostring({}):match("(%x+)$") or "") .. os.time() -- of this process

-- By pool and node: its last answer, when it came, when an agent-check asked last, and failures since the last answer.
local records = { prod = {}, stdby = {} }

local function record(pool, node)
    records[pool][node] = records[pool][node] or { at = 0, asked = 0, failures = 0 }
    return records[pool][node]
end

-- Whether agent-checks ask for a server.
local function asked(pool, node)
    return paf.seconds() - record(pool, node).asked <= ASKED_WITHIN
end

-- Whether a node has answered or failed to.
local function tried(pool, node)
    local it = record(pool, node)
    return it.at > 0 or it.failures > 0
end

local function failing(pool, node)
    return record(pool, node).failures > 0
end

-- The answer of a node; nil if it is too old or the node is silent.
local function fresh(pool, node)
    local it = record(pool, node)
    return it.failures == 0 and paf.seconds() - it.at <= FRESH and it.answer or nil
end

-- The answer that is in force for a node; nil if there is none yet.
local function fit(pool, node)
    local answer = fresh(pool, node)
    if answer or not tried(pool, node) then
        return answer
    elseif pool == "prod" then
        local trusted = paf.trusted(node)
        return trusted and "up\n" or trusted == false and "down\n" or nil
    elseif record(pool, node).answer then
        return record(pool, node).answer
    end
    local primary = paf.memory.settled_primary()
    local checked = core.proxies[pool].servers[node]:get_stats()["check_status"]
    return primary and primary ~= node and checked and checked:find("OK$") and "up\n" or "down\n"
end

-- The answer for the server of another node. checking: whether this HAProxy's agent-check asks.
function paf.fit_of(pool, node, checking)
    if not records[pool] or not core.proxies[pool].servers[node] then
        return "down\n"
    elseif checking then
        record(pool, node).asked = paf.seconds()
    end
    return fit(pool, node)
end

-- The nodes whose HAProxy is asked and does not answer.
function paf.silent()
    local found = {}
    for _, node in ipairs(paf.nodes()) do
        for pool in pairs(records) do
            if asked(pool, node) and record(pool, node).failures > 1 and found[#found] ~= node then
                found[#found + 1] = node
            end
        end
    end
    return found
end

-- Asks a node once. Returns ms until the next question.
local function ask(pool, node)
    local it, began = record(pool, node), paf.seconds()
    local _, line = paf.try(paf.ask_node, core.proxies[pool].servers[node], pool .. " " .. ID, CONNECT_WITHIN,
        ANSWER_WITHIN)
    if not line or not (line:find("^up") or line:find("^down")) then
        it.failures = it.failures + 1
        return math.min(MOST_RETRY, RETRY * it.failures)
    end
    local before = it.answer
    it.answer, it.at, it.failures = line .. "\n", paf.seconds(), 0
    if it.answer ~= before then
        paf.on_change(node)
    end
    return INTERVAL - (paf.seconds() - began) * 1000
end

local function ask_on(pool, node)
    while core.get_info()["Stopping"] == 0 do
        local wait = asked(pool, node) and ask(pool, node) or ROUND
        core.msleep(math.max(1, math.floor(wait)))
    end
end

core.register_task(function()
    for _, node in ipairs(paf.nodes()) do
        for pool in pairs(records) do
            if node ~= NODE then
                core.register_task(function()
                    ask_on(pool, node)
                end)
            end
        end
    end
end)

paf.others = { asked = asked, tried = tried, failing = failing, fresh = fresh }
