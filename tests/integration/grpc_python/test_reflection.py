"""Tools that know nothing of us learn everything from reflection."""

import unittest

import grpc
from control import WAIT_SECONDS, ControlCase
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_protos import reflection_pb2, reflection_pb2_grpc

Request = reflection_pb2.ServerReflectionRequest


class Reflection(ControlCase):
    def setUp(self):
        super().setUp()
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(self.channel)

    def ask(self, *requests):
        """All questions on one stream, one answer each."""
        stream = self.reflection.ServerReflectionInfo(iter(requests), timeout=WAIT_SECONDS)
        answers = list(stream)
        self.assertEqual([answer.original_request for answer in answers], list(requests))
        return answers

    def files_of(self, answer):
        """The files in an answer, by name."""
        files = {}
        for packed in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(packed)
            files[file.name] = file
        return files

    def test_services_are_listed_and_each_can_be_described(self):
        (answer,) = self.ask(Request(list_services="*"))

        names = {service.name for service in answer.list_services_response.service}
        described = self.ask(*(Request(file_containing_symbol=name) for name in names))
        self.assertTrue(all(self.files_of(answer) for answer in described))
        self.assertEqual(
            names,
            {
                "pointsman.v1.RouteControl",
                "pointsman.v1.RouteFeed",
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
            },
        )

    def test_the_older_name_of_reflection_answers_too(self):
        call = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=Request.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )

        (answer,) = call(iter([Request(list_services="")]), timeout=WAIT_SECONDS)

        self.assertTrue(answer.list_services_response.service)

    def test_files_are_found_by_name_and_by_symbol(self):
        by_name, by_symbol = self.ask(
            Request(file_by_filename="pointsman/v1/route.proto"),
            Request(file_containing_symbol="pointsman.v1.RouteControl.Apply"),
        )

        self.assertIn("pointsman/v1/route.proto", self.files_of(by_name))
        self.assertIn("pointsman/v1/control.proto", self.files_of(by_symbol))

    def test_what_is_not_known_is_an_error_in_the_answer(self):
        answers = self.ask(
            Request(file_by_filename="nowhere.proto"),
            Request(file_containing_symbol="pointsman.v1.Toaster"),
        )

        for answer in answers:
            not_found = grpc.StatusCode.NOT_FOUND.value[0]
            self.assertEqual(answer.error_response.error_code, not_found)

    def test_a_call_can_be_made_from_what_reflection_says_alone(self):
        (answer,) = self.ask(Request(file_containing_symbol="pointsman.v1.RouteControl"))
        files = self.files_of(answer)
        missing = {name for file in files.values() for name in file.dependency} - set(files)
        while missing:
            for answer in self.ask(*(Request(file_by_filename=name) for name in sorted(missing))):
                files.update(self.files_of(answer))
            missing = {name for file in files.values() for name in file.dependency} - set(files)

        pool = descriptor_pool.DescriptorPool()
        self.add_in_order(pool, files, "pointsman/v1/control.proto", set())
        method = pool.FindServiceByName("pointsman.v1.RouteControl").FindMethodByName("GetInfo")
        factory = message_factory.MessageFactory(pool)
        call = self.channel.unary_unary(
            "/pointsman.v1.RouteControl/GetInfo",
            request_serializer=factory.GetPrototype(method.input_type).SerializeToString,
            response_deserializer=factory.GetPrototype(method.output_type).FromString,
        )
        info = call(factory.GetPrototype(method.input_type)(), timeout=WAIT_SECONDS)

        self.assertTrue(info.epoch)

    def add_in_order(self, pool, files, name, added):
        """Adds a file behind those it imports."""
        if name in added:
            return
        added.add(name)
        for imported in files[name].dependency:
            self.add_in_order(pool, files, imported, added)
        pool.Add(files[name])


if __name__ == "__main__":
    unittest.main()
