-- The query of a REST request, read as Patroni reads it (Patroni's parse_int, and Python's parse_qs).
--
-- rest_server.lua loads it, once per thread, and uses the global table query.

query = {}

local SIZES = { B = 1, kB = 1 << 10, MB = 1 << 20, GB = 1 << 30, TB = 1 << 40 }
local LONGEST = 64 -- characters of a size: a longer one would keep HAProxy busy
local DIGITS = 15 -- of a hexadecimal or octal number; more than that is larger than any lag
local SMALLER = { kB = "B", MB = "kB", GB = "MB", TB = "GB" } -- a size is rounded to whole ones of these

local function round(number)
    return math.floor(number + 0.5)
end

-- The number at the beginning of a text, as strtol and strtod of C read it, and the rest; nil without a number.
local function number(text)
    local sign, digits, rest = text:match("^([+-]?)0[xX](%x+)(.*)$")
    local base = 16
    if not sign then
        sign, digits, rest = text:match("^([+-]?)(0[0-7]*)(.*)$")
        base = 8
    end
    if not sign then
        sign, digits, rest = text:match("^([+-]?)(%d+)(.*)$")
        base = 10
    end
    if not sign and text:match("^[+-]?%.%d") or sign and rest:match("^[.eE]") then
        digits, rest = text:match("^([+-]?%d*%.?%d+[eE][+-]?%d+)(.*)$")
        if not digits then
            digits, rest = text:match("^([+-]?%d*%.?%d+)(.*)$")
        end
        return tonumber(digits), rest
    elseif not sign then
        return nil
    end
    local value
    if base == 10 then
        value = tonumber(digits)
    else
        value = #digits > DIGITS and math.huge or tonumber(digits, base)
    end
    return sign == "-" and -value or value, rest
end

-- Bytes of a size such as 16MB, 1.5 GB, 0x400kB or 1024; nil if it is none.
function query.bytes(text)
    if not text or #text > LONGEST then
        return nil
    end
    local value, unit = number(text:match("^%s*(.-)%s*$"))
    unit = unit and unit:match("^%s*(.*)$")
    if not value then
        return nil
    elseif unit == "" then
        return round(value)
    elseif not SIZES[unit] then
        return nil
    end
    local step = SIZES[SMALLER[unit] or "B"]
    return round(value * SIZES[unit] / step) * step
end

local function decode(text)
    text = text:gsub("+", " ")
    return (text:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

-- The first value of each key. A key without a value is left out.
function query.parse(text)
    local found = {}
    for part in text:gmatch("[^&]+") do
        local key, value = part:match("^([^=]*)=(.+)$")
        if key and found[decode(key)] == nil then
            found[decode(key)] = decode(value)
        end
    end
    return found
end

-- Whether a query asks for a tag of the node. Nodes have no tags here.
function query.asks_for_tag(asked)
    for key in pairs(asked) do
        if key:find("^tag_") then
            return true
        end
    end
    return false
end
