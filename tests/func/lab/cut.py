# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that can be cut: what a lost access network looks like to a WebSocket."""
import socket
import threading


class Relay:
    def __init__(self, listen, target):
        self.target, self.open, self.pairs, self.lock = target, True, [], threading.Lock()
        self.server = socket.create_server(listen)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            try:
                far = socket.create_connection(self.target, 5)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.pairs.append((client, far))
            far.settimeout(None)    # five seconds to connect, not between two messages
            for a, b in ((client, far), (far, client)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    @staticmethod
    def _pump(a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Ends every connection and refuses new ones until mend()."""
        self.open = False
        with self.lock:
            for pair in self.pairs:
                for s in pair:
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    s.close()
            self.pairs.clear()

    def mend(self):
        self.open = True

    def stop(self):
        self.cut()
        self.server.close()
