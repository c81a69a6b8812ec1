-- Guard connections: how this HAProxy notices that PostgreSQL on another node has ended, if the HAProxy of that node is
-- silent.
--
-- A guard connection is a connection to PostgreSQL on which this HAProxy sends nothing. PostgreSQL closes it when its
-- postmaster ends. PostgreSQL also closes it after authentication_timeout, so a guard connection lasts a few seconds,
-- and the next one begins before it ends. A chain is such a series: if no connection of a chain has broken,
-- PostgreSQL has not been restarted since the chain began.
--
-- A postmaster that starts or stops accepts connections only to refuse them, and does not end before they have ended
-- (PostgreSQL's postmaster.c, "dead_end"). A guard connection would keep such a PostgreSQL from stopping for seconds. So
-- PostgreSQL is asked before and after: it must accept clients both times.

local CONNECT_WITHIN = 2 -- s
local LASTS = 8 -- s of one connection; PostgreSQL's authentication_timeout must be longer
local NEXT_AFTER = 3 -- s between the beginnings of two connections
local RETRY_AFTER = 1 -- s after a chain has broken

local BORN = os.time()
local serial = 0

-- Whether PostgreSQL accepts clients. It may refuse this one, for a reason of its own.
local function accepts_clients(host, port)
    local session = paf.open(host, port, CONNECT_WITHIN)
    if not session then
        return false
    end
    local row, why = paf.protocol.login(session)
    session:close()
    return row ~= nil or why.code ~= "57P03" and why.code ~= "closed"
end

-- One guard connection. If it ends before LASTS s, PostgreSQL has closed it or cannot be reached: the chain is broken.
local function hold(chain, host, port)
    local connection = accepts_clients(host, port) and paf.open(host, port, CONNECT_WITHIN)
    local began = paf.seconds()
    if not connection then
        chain.broken = true
        return
    elseif not accepts_clients(host, port) then
        connection:close()
        chain.broken = true
        return
    end
    chain.since = chain.since or paf.seconds()
    connection:settimeout(LASTS)
    local said = connection:receive(1)
    connection:close()
    if said or paf.seconds() - began < LASTS - 1 then
        chain.broken = true
    end
end

-- Whether the chain has not broken. chain: may be nil.
local function alive(chain)
    return chain ~= nil and not chain.broken and paf.seconds() - chain.begun < LASTS - NEXT_AFTER / 2
end

-- For how long PostgreSQL has certainly not been restarted, in s; nil if a chain is broken or not connected yet.
local function age(chain)
    return alive(chain) and chain.since and paf.seconds() - chain.since or nil
end

-- Opens the next guard connection to a server, if it is time for it. chain: what the last call returned, or nil.
-- standby: whether the node has just said that its PostgreSQL is a standby. Returns the chain, which is a new one if the
-- old one has broken. id: its name, also in a later HAProxy process. begun: when its last connection was begun. since:
-- when its first one was connected, or nil. standby: the same as when the chain began.
local function extend(chain, server, standby)
    if chain and chain.broken and paf.seconds() - chain.begun < RETRY_AFTER then
        return chain
    end
    if not alive(chain) then
        serial = serial + 1
        chain = { id = BORN .. "-" .. serial, begun = 0, standby = standby }
    end
    if paf.seconds() - chain.begun > NEXT_AFTER then
        chain.begun = paf.seconds()
        local host, port = paf.address(server)
        core.register_task(function()
            if not host or not paf.try(hold, chain, host, port) then
                chain.broken = true
            end
        end)
    end
    return chain
end

paf.guard = { extend = extend, alive = alive, age = age }
