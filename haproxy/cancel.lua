-- Cancel requests (PostgreSQL's documentation, "Canceling Requests in Progress").
--
-- A client that cancels a query opens a new connection. The request on it names a process and its key, and no server.
-- So it is sent to the PostgreSQL of every node: an instance ignores a request whose key it does not know. A request
-- never waits for a primary, and takes no place in a queue.

local CODE = 80877102
local LENGTHS = { [16] = true, [44] = true } -- bytes; 44 with the keys of protocol 3.2 (PostgreSQL 18)
local MOST = 50 -- requests at the same time; more are dropped, so a flood does not reach PostgreSQL
local LASTS = 5 -- s; a request that began earlier no longer counts
local CONNECT_WITHIN = 1 -- s

-- When each request began that has not ended. HAProxy ends the service of a client that has disconnected, in the
-- middle: such a request never says that it has ended.
local begun = {}
local serial = 0

-- Takes a place for a request. Returns its number, or nil if there are MOST already.
local function take_place()
    local now, count = paf.seconds(), 0
    for number, since in pairs(begun) do
        if now - since > LASTS then
            begun[number] = nil
        else
            count = count + 1
        end
    end
    if count >= MOST then
        return nil
    end
    serial = serial + 1
    begun[serial] = now
    return serial
end

-- Reads one request, which is there as a whole. Returns nil if it is none.
local function read(applet)
    local head = applet:receive(4)
    if not head or #head < 4 then
        return nil
    end
    local length = (">I4"):unpack(head)
    if not LENGTHS[length] then
        return nil
    end
    local rest = applet:receive(length - 4)
    if not rest or #rest < length - 4 or (">I4"):unpack(rest) ~= CODE then
        return nil
    end
    return head .. rest
end

-- Whether a server of the node is up in a pool.
local function up(node)
    for _, pool in ipairs({ "prod", "stdby" }) do
        local server = core.proxies[pool] and core.proxies[pool].servers[node]
        if server and server:get_stats()["status"]:match("^UP") then
            return true
        end
    end
    return false
end

-- The nodes, those that serve first: a node without power costs CONNECT_WITHIN.
local function order()
    local first, last = {}, {}
    for _, node in ipairs(paf.nodes()) do
        local list = up(node) and first or last
        list[#list + 1] = node
    end
    return table.move(last, 1, #last, #first + 1, first)
end

local function send(node, request)
    local host, port = paf.address(core.proxies["prod"].servers[node])
    local session = host and paf.open(host, port, CONNECT_WITHIN)
    if session then
        session:send(request)
    end
    return session
end

-- Sends the request to every node. PostgreSQL closes the connection when it has handled the request, and the client
-- waits for that.
local function pass_on(request)
    local sessions = {}
    for _, node in ipairs(order()) do
        local _, session = paf.try(send, node, request)
        sessions[#sessions + 1] = session
    end
    for _, session in ipairs(sessions) do
        paf.try(session.receive, session, 1)
        session:close()
    end
end

core.register_service("cancel", "tcp", function(applet)
    local place = take_place()
    if not place then
        return
    end
    local fine, request = paf.try(read, applet)
    if fine and request then
        paf.try(pass_on, request)
    end
    begun[place] = nil
end)
