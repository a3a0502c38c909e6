"""Run the terminal: `micropython main.py HOST PORT TERMINAL SECRET FOLDER [CA]`, or with python3.

On a board: put these files on it, write host, port, id and secret into the call at the end, and use `Pins`.
"""

import json
import sys
import time

from board import Clock, Desk
from journal import Journal
from memory import Memory
from mqtt import Mqtt
from sending import jittered
from terminal import Terminal

TURN_MS = 20


def run(host, port, name, secret, folder, board, ca=None):
    clock = Clock()
    terminal = Terminal(Memory(Journal(folder)), board, clock)
    up, gone = "coinslot/1/%s/up" % name, "coinslot/1/%s/gone" % name
    failures = 0
    while board.poll():
        connection = None
        try:
            link = terminal.take_link()
            will = json.dumps({"type": "gone", "link": link})
            connection = Mqtt(host, port, name, secret, gone, will, ca)
            connection.subscribe("coinslot/1/%s/down" % name)
            terminal.connected(lambda data, connection=connection: connection.publish(up, data))
            while board.poll():
                for data in connection.received(TURN_MS):
                    terminal.heard(data)
                terminal.turn()
                if terminal.welcomed:
                    failures = 0
        except OSError as error:
            print("link: %s" % error)
        terminal.lost()
        if connection is not None:
            connection.close()
        again = clock.ms() + jittered(1000, failures)
        failures += 1
        while clock.ms() < again and board.poll():  # a use that runs goes on
            terminal.turn()
            time.sleep(TURN_MS / 1000)
    board.set(False)


if __name__ == "__main__":
    host, port, name, secret, folder = sys.argv[1:6]
    ca = sys.argv[6] if len(sys.argv) > 6 else None
    run(host, int(port), name, secret, folder, Desk(), ca)
