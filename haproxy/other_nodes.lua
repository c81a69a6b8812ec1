-- Asks the other nodes' HAProxys whether their PostgreSQL fits prod and stdby.
--
-- This HAProxy asks each of them on the role port, for both pools at once, on a connection that stays open. Its own
-- agent-checks ask this file: so a slow network delays an answer, and no agent-check fails because of it.
--
-- If a node's HAProxy is silent, the node keeps its place in stdby, where the plain check sees whether PostgreSQL
-- answers. silent_node.lua decides on its place in prod.

local NODE = os.getenv("PAF_NODE")
local INTERVAL = tonumber(os.getenv("PAF_CHECK_INTERVAL") or 50) -- ms

local CONNECT_WITHIN = 2 -- s for another node
local ANSWER_WITHIN = 4 -- s; another node may delay an answer by 0.9 s (long polling)
local FRESH = 2 -- s; an older answer is not used
local ASKED_WITHIN = 3 -- s since the last agent-check of a server; after that, its node is not asked either
local KEEPS = ";$" -- at the end of an answer: the other side keeps the connection open
local ROUND = 100 -- ms between two looks whether there are agent-checks
local RETRY = 100 -- ms after the first failure; after each further one, as many more
local MOST_RETRY = 1000 -- ms

local ID = "x" .. (tostring({}):match("(%x+)$") or "") .. os.time() -- of this process

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
    local primary = paf.memory.settled_primary()
    local checked = core.proxies[pool].servers[node]:get_stats()["check_status"]
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

local connections = {} -- by node: the connection to its role port

local function connect(node)
    local session = paf.connect(core.proxies["prod"].servers[node], CONNECT_WITHIN)
    if session then
        session:settimeout(ANSWER_WITHIN)
    end
    return session
end

-- Asks a question on a node's open connection, or on a new one. Returns the line of the answer, or nil.
local function exchange(node, text)
    local began, kept = paf.seconds(), connections[node]
    local session = kept or connect(node)
    connections[node] = nil
    if not session then
        return nil
    end
    session:send(text .. "\n")
    local line = session:receive("*l")
    if line and line:find(KEEPS) then
        connections[node] = session
        return line
    end
    session:close()
    if kept and not line and paf.seconds() - began < ANSWER_WITHIN - 1 then
        return exchange(node, text) -- the other side had closed the open connection
    end
    return line
end

-- One question to a node. Returns nil if its answer is not the role port's.
local function question(node, pools)
    local _, line = paf.try(exchange, node, pools .. " " .. ID .. " keep")
    return line and (line:find("^up") or line:find("^down")) and line or nil
end

-- Takes in the answer for a pool; nil: the node did not answer. Returns whether it did.
local function learn(node, pool, answer)
    local it = record(node)
    if not answer then
        it.failures = it.failures + 1
        return false
    end
    local changed = it.answers[pool] ~= answer .. "\n"
    it.answers[pool], it.at, it.failures = answer .. "\n", paf.seconds(), 0
    if changed then
        paf.on_change(node)
    end
    return true
end

-- Asks a node once. Returns ms until the next question.
local function ask(node)
    local began = paf.seconds()
    local line = question(node, "prod,stdby")
    local prod, stdby = (line or ""):match("^([^;]+);?([^;]*)")
    local answered = learn(node, "prod", prod)
    if answered then
        -- An older agent answers for one pool at a time.
        answered = learn(node, "stdby", stdby ~= "" and stdby or question(node, "stdby"))
    end
    if not answered then
        return math.min(MOST_RETRY, RETRY * record(node).failures)
    end
    return INTERVAL - (paf.seconds() - began) * 1000
end

local function ask_on(node)
    while not paf.stopping() do
        local wait = wanted(node) and ask(node) or ROUND
        core.msleep(math.max(1, math.floor(wait)))
    end
end

core.register_task(function()
    for _, node in ipairs(paf.nodes()) do
        if node ~= NODE then
            core.register_task(function()
                ask_on(node)
            end)
        end
    end
end)

paf.others = { asked = asked, wanted = wanted, tried = tried, failing = failing, fresh = fresh }
