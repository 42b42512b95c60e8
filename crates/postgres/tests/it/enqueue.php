<?php
// Pushes jobs as an application in another language does, inside its own transactions.
// In:  a connection string of libpq, a schema
// Out: a JSON line for each push that was kept: its number, the job's id, the answer

[, $server, $schema] = $argv;
$db = new PDO("pgsql:$server");
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$push = $db->prepare("SELECT id, answer FROM \"$schema\".push(:kind, :payload, queue => :queue, tags => :tags)");

for ($order = 1; $order <= 6; $order++) {
    $db->beginTransaction();
    $db->prepare('INSERT INTO orders (number) VALUES (?)')->execute([$order]);
    $payload = json_encode(['order' => $order, 'name' => "Büro \"7\""], JSON_UNESCAPED_UNICODE);
    $push->execute(['kind' => 'ship', 'payload' => $payload, 'queue' => 'orders', 'tags' => '{php}']);
    $pushed = $push->fetch(PDO::FETCH_ASSOC);
    if ($order % 2) {
        $db->commit();
        echo json_encode(['order' => $order, 'id' => $pushed['id'], 'answer' => $pushed['answer']]), "\n";
    } else {
        $db->rollBack();
    }
}

try {
    $db->query("SELECT \"$schema\".push('no good', '{}')");
} catch (PDOException $e) {
    echo json_encode(['error' => $e->getMessage(), 'state' => $e->getCode()]), "\n";
}
