"""The workers' network: nobody reaches in, and nothing leaves but to AWS in the name of this account."""

from __future__ import annotations

import pytest

from tests.infra.system import System
from tests.infra.test_gpu import IMAGES

SERVICES = {"ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs", "sqs"}
"""What a worker, and the agent on its instance, calls beside S3 and DynamoDB. Credentials come from the agent (no sts), S3 and DynamoDB use keys
themselves (no kms), and a worker reads no secret."""


@pytest.fixture(scope="module")
def running() -> System:
    return System(IMAGES)


def test_there_is_no_way_to_the_internet(running: System) -> None:
    kinds = {resource.kind for resource in running.resources.values()}
    ways = ("InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "VPCPeeringConnection", "Route", "EIP")
    assert not kinds & {f"AWS::EC2::{way}" for way in ways}
    for subnet in running.all("AWS::EC2::Subnet"):
        assert subnet.properties["MapPublicIpOnLaunch"] is False
    for service in running.all("AWS::ECS::Service"):
        assert service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"


def test_there_are_three_zones_for_scarce_cards(running: System) -> None:
    assert len({subnet.properties["AvailabilityZone"] for subnet in running.all("AWS::EC2::Subnet")}) == 3


def test_nobody_reaches_a_worker_and_it_speaks_tls_only(running: System) -> None:
    """I-05."""
    workers = running.resources["network/WorkersGroup"].properties
    assert "SecurityGroupIngress" not in workers
    (out,) = workers["SecurityGroupEgress"]
    assert (out["IpProtocol"], out["FromPort"], out["ToPort"]) == ("tcp", 443, 443)
    endpoints = running.resources["network/EndpointsGroup"].properties
    (into,) = endpoints["SecurityGroupIngress"]
    assert (into["FromPort"], into["ToPort"], into["SourceSecurityGroupId"]) == (443, 443, "<network/WorkersGroup>")
    (out,) = endpoints["SecurityGroupEgress"]
    assert out["CidrIp"] == "127.0.0.1/32"
    for group in (workers, endpoints):
        for rule in [*group.get("SecurityGroupIngress", []), *group["SecurityGroupEgress"]]:
            assert rule["Description"]


@pytest.mark.parametrize(("zones", "subnets"), [(1, 1), (2, 2)])
def test_each_service_that_is_called_has_its_endpoint(zones: int, subnets: int) -> None:
    system = System({**IMAGES, "EndpointZones": zones})  # type: ignore[dict-item]
    found = {e.properties["ServiceName"].split("${AWS::Region}.")[1]: e for e in system.all("AWS::EC2::VPCEndpoint")}
    assert set(found) == {"s3", "dynamodb"} | SERVICES
    for name in SERVICES:
        properties = found[name].properties
        assert properties["PrivateDnsEnabled"] is True
        assert len(properties["SubnetIds"]) == subnets
        assert properties["SecurityGroupIds"] == ["<network/EndpointsGroup>"]


def test_data_goes_out_in_the_name_of_this_account_only(running: System) -> None:
    """Who got into a worker could bring keys of another account along."""
    gateways = [e for e in running.all("AWS::EC2::VPCEndpoint") if e.properties["VpcEndpointType"] == "Gateway"]
    assert len(gateways) == 2
    for gateway in gateways:
        assert gateway.properties["RouteTableIds"] == ["<network/Routes>"]
        own, *others = gateway.properties["PolicyDocument"]["Statement"]
        assert own["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "${AWS::AccountId}"}}
        assert all(other["Action"] == "s3:GetObject" for other in others)
