"""Everyday calls, as a program in Python makes them."""

import concurrent.futures
import unittest

import grpc
from control import WAIT_SECONDS, ControlCase, backend, route
from grpc_protos import health_pb2, health_pb2_grpc
from pointsman.v1 import control_pb2, feed_pb2, history_pb2


class Calls(ControlCase):
    def test_a_route_that_was_put_is_got_and_listed(self):
        self.put_backend()
        answer = self.put_route("shop", path="/shop")

        got = self.control.GetRoute(control_pb2.GetRouteRequest(name="shop"))
        listed = self.control.ListRoutes(control_pb2.ListRoutesRequest())

        (change,) = answer.changes
        self.assertEqual(change.change, history_pb2.CHANGE_KIND_CREATED)
        self.assertEqual(change.kind, feed_pb2.OBJECT_KIND_ROUTE)
        self.assertEqual(got.rules, route("shop", path="/shop").rules)
        self.assertEqual(got.revision, answer.revision)
        self.assertEqual(list(listed.routes), [got])
        self.assertEqual(listed.revision, answer.revision)

    def test_a_batch_is_one_revision(self):
        routes = [route(f"r{i}", path=f"/{i}") for i in range(500)]
        mutations = [control_pb2.Mutation(put_backend=backend())]
        mutations += [control_pb2.Mutation(put_route=one) for one in routes]

        answer = self.control.Apply(control_pb2.ApplyRequest(mutations=mutations))
        info = self.control.GetInfo(control_pb2.GetInfoRequest())

        self.assertEqual(len(answer.changes), 501)
        self.assertEqual((info.revision, info.routes, info.backends), (answer.revision, 500, 1))

    def test_long_lists_come_in_pages(self):
        routes = [route(f"r{i:03}", path=f"/{i}") for i in range(25)]
        mutations = [control_pb2.Mutation(put_route=one) for one in routes]
        self.control.Apply(control_pb2.ApplyRequest(mutations=mutations))

        names, request = [], control_pb2.ListRoutesRequest(page_size=10)
        while True:
            page = self.control.ListRoutes(request)
            names += [listed.name for listed in page.routes]
            request.page_token = page.next_page_token
            if not request.page_token:
                break

        self.assertEqual(names, [f"r{i:03}" for i in range(25)])

    def test_a_route_without_its_backend_comes_with_a_warning(self):
        answer = self.put_route("shop")

        (warning,) = answer.warnings
        self.assertEqual(warning.name, "shop")

    def test_a_deleted_route_is_gone(self):
        self.put_route("shop")

        self.control.DeleteRoute(control_pb2.DeleteRouteRequest(name="shop"))

        self.assertEqual(len(self.control.ListRoutes(control_pb2.ListRoutesRequest()).routes), 0)

    def test_many_calls_run_at_once_on_one_channel(self):
        routes = [route(f"r{i}", path=f"/{i}") for i in range(300)]
        put = self.control.PutRoute

        futures = [
            put.future(control_pb2.PutRouteRequest(route=one), timeout=WAIT_SECONDS)
            for one in routes
        ]
        revisions = {future.result().revision for future in futures}

        self.assertEqual(len(revisions), 300)
        self.assertEqual(self.control.GetInfo(control_pb2.GetInfoRequest()).routes, 300)

    def test_many_channels_are_served_at_once(self):
        channels = [self.open_channel() for _ in range(20)]

        def put(numbered):
            number, channel = numbered
            call = channel.unary_unary(
                "/pointsman.v1.RouteControl/PutRoute",
                request_serializer=control_pb2.PutRouteRequest.SerializeToString,
                response_deserializer=control_pb2.ApplyResponse.FromString,
            )
            request = control_pb2.PutRouteRequest(route=route(f"r{number}", path=f"/{number}"))
            return call(request, timeout=WAIT_SECONDS).revision

        with concurrent.futures.ThreadPoolExecutor(len(channels)) as pool:
            revisions = set(pool.map(put, enumerate(channels)))

        self.assertEqual(len(revisions), len(channels))

    def test_the_daemon_says_that_it_is_well(self):
        health = health_pb2_grpc.HealthStub(self.channel)

        whole = health.Check(health_pb2.HealthCheckRequest())
        service = health.Check(health_pb2.HealthCheckRequest(service="pointsman.v1.RouteControl"))
        first = next(health.Watch(health_pb2.HealthCheckRequest(), timeout=WAIT_SECONDS))
        self.assert_fails(
            grpc.StatusCode.NOT_FOUND, health.Check, health_pb2.HealthCheckRequest(service="toast")
        )

        for answer in (whole, service, first):
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    unittest.main()
