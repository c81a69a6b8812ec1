import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/**
 * Sessions of pgjdbc: Sessions CLIENT WRITERS READERS
 *
 * CLIENT: prefix of the names in the table. WRITERS, READERS: JDBC URLs; three sessions, two of
 * them write. Prints a JSON object for each transaction, and ends when its input is closed.
 */
public class Sessions implements Runnable {
    static final long THINK = 20, PAUSE = 100; // ms inside a transaction, and between two
    static volatile boolean ending = false;

    final String client, url;
    final int session;
    final boolean writes;
    Connection connection;

    Sessions(String client, int session, boolean writes, String url) {
        this.client = client;
        this.session = session;
        this.writes = writes;
        this.url = url;
    }

    public static void main(String[] args) throws Exception {
        for (int place = 1; place <= 3; place++) {
            boolean writes = place < 3;
            Thread thread =
                new Thread(new Sessions(args[0], place, writes, args[writes ? 1 : 2]));
            thread.setDaemon(true);
            thread.start();
        }
        while (System.in.read() >= 0) { }
        ending = true;
        Thread.sleep(1000); // for the transactions that are under way
    }

    public void run() {
        for (long number = 1; !ending; number++) {
            boolean fresh = connection == null;
            long start = System.currentTimeMillis();
            String error = "null", state = "null";
            try {
                if (fresh) {
                    connection = DriverManager.getConnection(url);
                    connection.setAutoCommit(false);
                }
                transaction(number);
            } catch (SQLException failure) {
                Throwable cause = failure.getCause();
                String text = String.valueOf(failure.getMessage()).split("\n")[0];
                error = quote(cause == null ? text : text + " " + cause);
                state = quote(String.valueOf(failure.getSQLState()));
                drop();
            }
            String line = "{\"session\": " + session + ", \"writes\": " + writes
                + ", \"number\": " + number + ", \"new\": " + fresh
                + ", \"start\": " + start / 1e3 + ", \"end\": " + System.currentTimeMillis() / 1e3
                + ", \"error\": " + error + ", \"sqlstate\": " + state + "}";
            synchronized (System.out) {
                System.out.println(line);
            }
            pause(PAUSE);
        }
    }

    void transaction(long number) throws SQLException {
        String first = writes
            ? "INSERT INTO drill.writes (client, sequence) VALUES (?, ?)"
            : "SELECT 1 WHERE ? <> '' AND ? > 0";
        try (PreparedStatement statement = connection.prepareStatement(first)) {
            statement.setString(1, client + "/" + session);
            statement.setLong(2, number);
            statement.execute();
        }
        pause(THINK);
        try (PreparedStatement statement =
                 connection.prepareStatement("SELECT pg_is_in_recovery()")) {
            statement.execute();
        }
        connection.commit();
    }

    void drop() {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException ignored) {
            // It was lost already.
        }
        connection = null;
    }

    static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException ignored) {
            Thread.currentThread().interrupt();
        }
    }

    static String quote(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\t", " ") + "\"";
    }
}
