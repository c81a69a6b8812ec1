// Sessions of pgx: pgx CLIENT WRITERS READERS
//
// CLIENT: prefix of the names in the table. WRITERS, READERS: connection strings; three sessions,
// two of them write. Prints a JSON object for each transaction, and ends when its input is closed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v4"
)

const (
	think       = 20 * time.Millisecond // inside a transaction
	pause       = 100 * time.Millisecond
	closeWithin = time.Second
)

var (
	printing   sync.Mutex
	ending     = make(chan struct{})
	background = context.Background()
)

type record struct {
	Session  int     `json:"session"`
	Writes   bool    `json:"writes"`
	Number   int64   `json:"number"`
	New      bool    `json:"new"`
	Start    float64 `json:"start"`
	End      float64 `json:"end"`
	Error    *string `json:"error"`
	SQLState *string `json:"sqlstate"`
}

type session struct {
	name       string
	target     string
	writes     bool
	connection *pgx.Conn
}

func main() {
	client, writers, readers := os.Args[1], os.Args[2], os.Args[3]
	for place, target := range []string{writers, writers, readers} {
		number := place + 1
		each := session{
			name:   client + "/" + strconv.Itoa(number),
			target: target,
			writes: number < 3,
		}
		go each.work(number)
	}
	io.Copy(io.Discard, os.Stdin)
	close(ending)
	time.Sleep(time.Second) // for the transactions that are under way
}

func (s *session) work(place int) {
	for number := int64(1); ; number++ {
		line := record{
			Session: place, Writes: s.writes, Number: number,
			New: s.connection == nil, Start: now(),
		}
		if err := s.transaction(number); err != nil {
			text := strings.SplitN(err.Error(), "\n", 2)[0]
			line.Error, line.SQLState = &text, state(err)
			s.drop()
		}
		line.End = now()
		put(line)
		select {
		case <-ending:
			return
		case <-time.After(pause):
		}
	}
}

func (s *session) transaction(number int64) error {
	if s.connection == nil {
		connection, err := pgx.Connect(background, s.target)
		if err != nil {
			return err
		}
		s.connection = connection
	}
	transaction, err := s.connection.Begin(background)
	if err != nil {
		return err
	}
	first := "SELECT 1 WHERE $1 <> '' AND $2 > 0"
	if s.writes {
		first = "INSERT INTO drill.writes (client, sequence) VALUES ($1, $2)"
	}
	if _, err := transaction.Exec(background, first, s.name, number); err != nil {
		return err
	}
	time.Sleep(think)
	if _, err := transaction.Exec(background, "SELECT pg_is_in_recovery()"); err != nil {
		return err
	}
	return transaction.Commit(background)
}

func (s *session) drop() {
	if s.connection == nil {
		return
	}
	limited, cancel := context.WithTimeout(background, closeWithin)
	defer cancel()
	s.connection.Close(limited)
	s.connection = nil
}

// state returns the SQLSTATE of an error of PostgreSQL or of PgBouncer, nil if it has none.
func state(err error) *string {
	var reported interface{ SQLState() string }
	if !errors.As(err, &reported) {
		return nil
	}
	code := reported.SQLState()
	return &code
}

func put(line record) {
	printing.Lock()
	defer printing.Unlock()
	json.NewEncoder(os.Stdout).Encode(line)
}

func now() float64 {
	return float64(time.Now().UnixNano()) / 1e9
}
