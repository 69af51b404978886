"""What users leave with us is encrypted, closed, versioned, bounded and stays when a stack goes."""

from __future__ import annotations

from antiphon.platform.table import Row
from tests.infra.system import Resource, System

RETAIN = ("Retain", "Retain")
BY_S3 = {"web/Pages", "data/AccessLogs"}
"""Encrypted by S3's own key: files of the web app, which CloudFront reads, and what S3 itself logs, which it can do in no other way."""


def test_the_table_can_be_restored_and_is_not_deleted(cloud: System) -> None:
    (table,) = cloud.all("AWS::DynamoDB::Table")
    assert table.policies == RETAIN
    assert table.properties["DeletionProtectionEnabled"] is True
    restorable = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}
    assert table.properties["PointInTimeRecoverySpecification"] == restorable
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    key = cloud.resources["keys/DataKey"].attribute("Arn")
    assert table.properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    assert table.properties["BillingMode"] == "PAY_PER_REQUEST"
    assert table.properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_the_table_is_the_one_that_the_code_reads(cloud: System) -> None:
    (table,) = cloud.all("AWS::DynamoDB::Table")
    waiting, everybodys = table.properties["GlobalSecondaryIndexes"]
    attributes = Row.get_attributes()
    keys = {"HASH": Row._hash_key_attribute(), "RANGE": Row._range_key_attribute()}
    assert {key["KeyType"]: key["AttributeName"] for key in table.properties["KeySchema"]} == {
        kind: key.attr_name for kind, key in keys.items() if key is not None
    }
    assert waiting["IndexName"] == Row.due.Meta.index_name
    assert [key["AttributeName"] for key in waiting["KeySchema"]] == ["gsi1pk", "gsi1sk"]
    assert everybodys["IndexName"] == Row.age.Meta.index_name
    assert [key["AttributeName"] for key in everybodys["KeySchema"]] == ["gsi2pk", "gsi2sk"]
    # With the other attributes every chunk of a job would be written to the index too.
    assert everybodys["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert {each["AttributeName"] for each in table.properties["AttributeDefinitions"]} <= set(attributes)
    assert table.properties["TimeToLiveSpecification"]["AttributeName"] in attributes


def test_the_key_of_the_tokens_stays_and_is_made_inside_kms(cloud: System) -> None:
    (key,) = [k for k in cloud.all("AWS::KMS::Key") if k.name == "api/SigningKey"]
    assert key.policies == RETAIN
    assert (key.properties["KeySpec"], key.properties["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    assert key.properties["PendingWindowInDays"] == 30


def test_the_key_of_what_is_stored_stays_as_long_and_is_renewed(cloud: System) -> None:
    key = cloud.resources["keys/DataKey"]
    assert key.policies == RETAIN
    assert (key.properties["EnableKeyRotation"], key.properties["PendingWindowInDays"]) == (True, 30)


def test_there_are_two_keys_to_pay_for(cloud: System) -> None:
    assert {key.name for key in cloud.all("AWS::KMS::Key")} == {"api/SigningKey", "keys/DataKey"}


def test_every_bucket_is_closed_encrypted_versioned_and_stays(cloud: System) -> None:
    """U-30, I-05."""
    key = cloud.resources["keys/DataKey"].attribute("Arn")
    for bucket in cloud.all("AWS::S3::Bucket"):
        properties = bucket.properties
        assert bucket.policies == RETAIN, bucket.name
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, bucket.name
        assert len(properties["PublicAccessBlockConfiguration"]) == 4, bucket.name
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, bucket.name
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}, bucket.name
        if bucket.name in BY_S3:
            assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", bucket.name
            continue
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, bucket.name
        assert rule["BucketKeyEnabled"] is True, f"{bucket.name}: a KMS call per object costs more than the object"


def test_every_bucket_cleans_up_what_nobody_finished_or_needs(cloud: System) -> None:
    for bucket in cloud.all("AWS::S3::Bucket"):
        rules = [r for r in bucket.properties["LifecycleConfiguration"]["Rules"] if r["Status"] == "Enabled"]
        whole = [rule for rule in rules if "Prefix" not in rule and "Filter" not in rule]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in whole), bucket.name
        assert any("NoncurrentVersionExpiration" in rule for rule in whole), bucket.name


def test_what_is_kept_for_a_while_is_removed_by_the_bucket_and_what_users_leave_is_not(cloud: System) -> None:
    """U-33: files that were refused, and sentences that only a retry needs; what a user brought or got stays until it is deleted."""
    expires = {
        (bucket.name, rule.get("Prefix"), rule["ExpirationInDays"])
        for bucket in cloud.all("AWS::S3::Bucket")
        for rule in bucket.properties["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule and rule["Status"] == "Enabled"
    }
    kept = {each for each in expires if each[0] in ("data/Uploads", "data/Results")}
    assert kept == {("data/Uploads", "rejected/", 1), ("data/Results", "parts/", 2)}


def test_what_is_asked_of_a_bucket_is_logged_in_one_that_may_be_written_to_for_it(cloud: System) -> None:
    """I-05. For 30 days: the log has addresses of people."""
    logs = cloud.resources["data/AccessLogs"]
    policy = cloud.resources["data/AccessLogsMayBeWritten"].properties["PolicyDocument"]["Statement"]
    (allowed,) = [statement for statement in policy if statement["Effect"] == "Allow"]
    logged = set()
    for bucket in cloud.all("AWS::S3::Bucket"):
        if bucket.name == logs.name:
            assert "LoggingConfiguration" not in bucket.properties
            continue
        assert bucket.properties["LoggingConfiguration"]["DestinationBucketName"] == logs.reference, bucket.name
        logged.add(f"arn:${{AWS::Partition}}:s3:::{bucket.properties['BucketName']}")
    assert set(allowed["Condition"]["ArnEquals"]["aws:SourceArn"]) == logged
    rules = logs.properties["LifecycleConfiguration"]["Rules"]
    assert [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule] == [30]


def test_every_bucket_has_a_name_of_its_own(cloud: System) -> None:
    """One without is named anew by the emulator at each update, and after it the table too: whoever updates their laptop would find it empty."""
    names = [bucket.properties.get("BucketName", "") for bucket in cloud.all("AWS::S3::Bucket")]
    assert all(name.startswith("${AWS::StackName}-") for name in names), names
    assert len(set(names)) == len(names)


PLAIN = {"Bool": {"aws:SecureTransport": "false"}}
OLD = {"NumericLessThan": {"s3:TlsVersion": "1.2"}}


def refused(system: System, bucket: Resource) -> list[dict[str, object]]:
    """The conditions under which everything is refused to everybody, of the bucket and of all that is in it."""
    return [
        statement["Condition"]
        for policy in system.all("AWS::S3::BucketPolicy")
        if policy.properties["Bucket"] == bucket.reference
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        and set(statement["Resource"]) == {bucket.attribute("Arn"), bucket.attribute("Arn") + "/*"}
    ]


def test_every_bucket_refuses_plain_http_and_old_tls(cloud: System) -> None:
    """U-30"""
    for bucket in cloud.all("AWS::S3::Bucket"):
        assert refused(cloud, bucket) == [PLAIN, OLD], bucket.name


def test_the_arrival_of_an_upload_is_told_to_one_queue_and_that_of_results_to_none(cloud: System) -> None:
    told = {
        (bucket.name, each["Queue"], rule["Value"])
        for bucket in cloud.all("AWS::S3::Bucket")
        for each in bucket.properties.get("NotificationConfiguration", {}).get("QueueConfigurations", [])
        for rule in each["Filter"]["S3Key"]["Rules"]
    }
    queue = cloud.resources["messaging/UploadsQueue"].attribute("Arn")
    assert told == {("data/Uploads", queue, "uploads/"), ("data/Uploads", queue, "inbox/")}


def test_the_bucket_that_may_write_to_the_queue_is_the_bucket_of_the_uploads(cloud: System) -> None:
    """The queue must exist before the bucket, so it knows the bucket by name only: the names must agree."""
    (allowed,) = cloud.resources["messaging/BucketMayNotify"].properties["PolicyDocument"]["Statement"]
    name = cloud.resources["data/Uploads"].properties["BucketName"]
    assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"] == f"arn:${{AWS::Partition}}:s3:::{name}"


KEPT_BY = {
    "AWS::DynamoDB::Table": ("TableName", "KeySchema"),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::KMS::Key": ("KeySpec", "KeyUsage"),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::ECR::Repository": ("RepositoryName", "EncryptionConfiguration"),
}
"""What holds something, and the properties whose change would have CloudFormation make a new one in its place."""


def holders(system: System) -> dict[str, list[object]]:
    return {
        resource.name: [resource.properties.get(name) for name in names]
        for kind, names in KEPT_BY.items()
        for resource in system.all(kind)
    }


def test_no_setting_replaces_what_holds_something(cloud: System) -> None:
    """I-08: an upgrade may change any of them."""
    other = {"ModelsBucket": "another", "EndpointZones": 2, "MinTranscribers": 1, "LogRetentionDays": 7}
    for name, parameter in cloud.templates["template"]["Parameters"].items():
        if "AllowedValues" in parameter and name not in ("GpuWorkers", "WebApp", "SigningKeyInUse"):
            other[name] = next(value for value in reversed(parameter["AllowedValues"]))
    changed = System(other)  # type: ignore[arg-type]
    before, after = holders(cloud), holders(changed)
    assert {name: after.get(name) for name in before} == before
