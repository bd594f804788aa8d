"""A proxy written in Python: watches, applies, reports."""

import unittest

import grpc
from control import WAIT_SECONDS, ControlCase
from google.protobuf import duration_pb2
from pointsman.v1 import control_pb2, feed_pb2, route_pb2


class Follower:
    """Holds what the feed has told it, as a proxy does."""

    def __init__(self, case, proxy_id="python", boot=1):
        self.case = case
        self.proxy_id = proxy_id
        self.boot = boot
        self.objects = {}
        self.epoch = ""
        self.revision = 0
        self.digest = 0

    def watch(self):
        """Opens the stream; returns the Welcome."""
        request = feed_pb2.WatchRequest(
            proxy_id=self.proxy_id,
            boot_id=f"boot-{self.boot}",
            epoch=self.epoch,
            revision=self.revision,
            digest=self.digest,
            protocol_min=1,
            protocol_max=1,
        )
        self.stream = self.case.feed.Watch(request, timeout=WAIT_SECONDS)
        welcome = self.next_event("welcome")
        self.epoch = welcome.epoch
        return welcome

    def next_event(self, kind):
        """The next event of this kind. Heartbeats come between whatever else does."""
        for response in self.stream:
            event = response.WhichOneof("event")
            if event == kind:
                return getattr(response, kind)
            self.case.assertEqual(event, "heartbeat", response)
        self.case.fail("the stream ended")

    def apply_update(self):
        """Takes in one whole update; returns its first message."""
        first = update = self.next_event("update")
        if first.snapshot:
            self.objects.clear()
        else:
            self.case.assertEqual(first.base_revision, self.revision)
        while True:
            self.case.assertEqual(update.update_id, first.update_id)
            for changed in update.objects:
                if changed.deleted:
                    del self.objects[changed.name, changed.kind]
                else:
                    self.objects[changed.name, changed.kind] = changed.object
            if update.last:
                break
            update = self.next_event("update")
        self.revision, self.digest = update.revision, update.digest
        return first

    def report(self, update, **outcome):
        request = feed_pb2.ReportRequest(
            proxy_id=self.proxy_id,
            boot_id=f"boot-{self.boot}",
            epoch=self.epoch,
            revision=self.revision,
            digest=self.digest,
            update_id=update.update_id,
            **outcome,
        )
        self.case.feed.Report(request, timeout=WAIT_SECONDS)

    def follow(self):
        """Applies the next update and says so."""
        update = self.apply_update()
        self.report(update, applied=feed_pb2.Applied(routes=len(self.objects)))
        return update

    def route(self, name):
        return route_pb2.Route.FromString(self.objects[name, feed_pb2.OBJECT_KIND_ROUTE])


class Feed(ControlCase):
    arguments = ("--heartbeat-interval", "1s")

    def wait_applied(self):
        wait = control_pb2.WaitAppliedRequest(timeout=duration_pb2.Duration(seconds=30))
        return self.control.WaitApplied(wait, timeout=WAIT_SECONDS)

    def test_who_holds_nothing_gets_a_snapshot_and_then_deltas(self):
        self.put_backend()
        first_revision = self.put_route("shop", path="/shop").revision
        follower = Follower(self)

        welcome = follower.watch()
        snapshot = follower.follow()

        self.assertEqual(welcome.mode, feed_pb2.WELCOME_MODE_SNAPSHOT)
        self.assertEqual(welcome.reason, feed_pb2.WELCOME_REASON_NOTHING_HELD)
        self.assertEqual(welcome.head_revision, first_revision)
        self.assertTrue(snapshot.snapshot)
        self.assertEqual(follower.revision, first_revision)
        self.assertEqual(len(follower.objects), 2)

        second_revision = self.put_route("api", path="/api").revision
        delta = follower.follow()

        self.assertFalse(delta.snapshot)
        self.assertEqual([changed.name for changed in delta.objects], ["api"])
        self.assertEqual(follower.revision, second_revision)
        self.assertEqual(follower.route("api").rules[0].matches[0].path.value, "/api")
        self.assertEqual(self.wait_applied().applied, ["python"])

    def test_a_deleted_route_leaves_as_a_delta(self):
        self.put_route("shop")
        follower = Follower(self)
        follower.watch()
        follower.follow()

        self.control.DeleteRoute(control_pb2.DeleteRouteRequest(name="shop"))
        follower.follow()

        self.assertEqual(follower.objects, {})

    def test_a_large_snapshot_comes_in_messages_every_client_takes(self):
        for batch in range(4):
            self.control.Apply(control_pb2.ApplyRequest(mutations=self.mutations(batch)))
        follower = Follower(self)

        follower.watch()  # grpcio refuses messages over 4 MiB
        follower.follow()

        self.assertEqual(len(follower.objects), 4000)
        self.assertEqual(self.wait_applied().applied, ["python"])

    @staticmethod
    def mutations(batch):
        labels = [route_pb2.Label(key=f"key-{i}", value="v" * 60) for i in range(15)]
        routes = [route_pb2.Route(name=f"r-{batch}-{i}", labels=labels) for i in range(1000)]
        return [control_pb2.Mutation(put_route=one) for one in routes]

    def test_who_comes_back_gets_only_what_is_new(self):
        self.put_route("shop")
        follower = Follower(self)
        follower.watch()
        follower.follow()
        follower.stream.cancel()

        self.put_route("api")
        follower.boot += 1
        welcome = follower.watch()
        delta = follower.follow()

        self.assertEqual(welcome.mode, feed_pb2.WELCOME_MODE_DELTA)
        self.assertEqual([changed.name for changed in delta.objects], ["api"])

    def test_what_a_proxy_rejects_is_told_to_who_waits(self):
        self.put_route("shop")
        follower = Follower(self)
        follower.watch()
        follower.follow()

        self.put_route("api")
        held = follower.revision, follower.digest
        update = follower.apply_update()
        follower.revision, follower.digest = held
        error = feed_pb2.ObjectError(name="api", field="rules", message="not to my taste")
        follower.report(update, rejected=feed_pb2.Rejected(message="no", errors=[error]))

        (rejection,) = self.wait_applied().rejected
        self.assertEqual(rejection.proxy_id, "python")
        self.assertEqual(list(rejection.errors), [error])

    def test_two_starts_of_a_proxy_are_both_followed_and_waited_for(self):
        older, newer = Follower(self, boot=1), Follower(self, boot=2)
        self.put_route("shop")
        older.watch()
        newer.watch()

        newer.follow()
        older.follow()

        self.assertEqual(list(self.wait_applied().applied), ["python", "python"])

    def test_heartbeats_come_while_nothing_changes(self):
        follower = Follower(self)
        follower.watch()

        events = (response.WhichOneof("event") for response in follower.stream)

        self.assertIn("heartbeat", events)

    def test_a_stream_under_way_ends_unavailable_when_the_daemon_stops(self):
        follower = Follower(self)
        follower.watch()

        self.daemon.terminate()

        with self.assertRaises(grpc.RpcError) as ended:
            for _ in follower.stream:
                pass
        self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
